"""Speech as text, by Whisper through faster-whisper (both MIT), on the processor or on a GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pilotlight import InvalidInput, Problem, stage
from pilotlight.contracts.tasks.transcription import Segment, Transcript, Word
from workers.engines.media import sounds

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pilotlight import Context
    from pilotlight.contracts.tasks.transcription import Transcribe

RATE: Final = 16_000
"""Samples a second that every Whisper hears."""


class Whisper:
    """A loaded model. Not for two threads at once."""

    def __init__(
        self, model: Path | str, /, *, device: str, batch: int = 0, **arguments: Any
    ) -> None:
        """``arguments`` of faster-whisper's ``WhisperModel``, such as ``compute_type``.

        ``batch``: stretches of speech that are heard at a time; 0 hears one after another, which
        costs least memory and lets each help to understand the next.
        """
        with stage("imports"):
            from faster_whisper import BatchedInferencePipeline, WhisperModel
        with stage("weights"):
            self._model: Any = WhisperModel(str(model), device=device, **arguments)
        self._languages = frozenset(self._model.supported_languages)
        self._hears: Any = self._model
        self._more: dict[str, Any] = {}
        if batch:
            self._hears = BatchedInferencePipeline(self._model)
            self._more = {"batch_size": batch, "without_timestamps": False}

    def transcribe(self, asked: Transcribe, context: Context) -> Transcript:
        """Progress is the time that was heard. Raises InvalidInput for a language it lacks."""
        words = "word" in (asked.timestamp_granularities or ())
        # One stretch at a time where memory is short.
        hears, more = (self._model, {}) if context.low_memory else (self._hears, self._more)
        segments, about = hears.transcribe(
            sounds.sound(context.input_file(asked.audio_url), "audio_url", rate=RATE),
            language=self._language(asked.language),
            task=asked.task,
            initial_prompt=asked.prompt,
            temperature=asked.temperature,
            word_timestamps=words,
            vad_filter=True,
            **more,
        )
        heard = list(_watched(segments, about.duration, context))
        return Transcript(
            text="".join(one.text for one in heard).strip(),
            language=about.language,
            duration=about.duration,
            segments=[_segment(one) for one in heard],
            words=[_word(word) for one in heard for word in one.words] if words else None,
        )

    def _language(self, asked: str | None) -> str | None:
        """Whisper knows the first part of ``en-US``."""
        if asked is None:
            return None
        short = asked.split("-")[0]
        if short not in self._languages:
            problem = Problem(("body", "language"), f"Whisper does not know {asked}", "value_error")
            raise InvalidInput(problem.message, problem)
        return short


def _watched(segments: Iterable[Any], duration_s: float, context: Context) -> Iterable[Any]:
    for segment in segments:
        context.progress(min(1.0, segment.end / duration_s) if duration_s else 1.0)
        yield segment


def _segment(heard: Any) -> Segment:
    names = (
        "id", "start", "end", "text", "seek", "tokens", "avg_logprob", "compression_ratio",
        "no_speech_prob",
    )  # fmt: skip
    facts = {name: getattr(heard, name) for name in names}
    return Segment(**facts, temperature=heard.temperature or 0)


def _word(heard: Any) -> Word:
    return Word(word=heard.word.strip(), start=heard.start, end=heard.end)
