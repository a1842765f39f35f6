"""Writes down what is said: Whisper base (MIT) on the processor, through faster-whisper (MIT)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pilotlight import Context, Endpoint, InvalidInput, Problem, Worker, WorkerSpec, stage
from pilotlight.contracts.tasks.transcription import Segment, Transcribe, Transcript, Word
from workers.engines.carried import weights

if TYPE_CHECKING:
    from collections.abc import Iterable


class Transcriber(Worker[Transcribe, Transcript]):
    spec: ClassVar = WorkerSpec(
        name="transcription",
        endpoints=(
            Endpoint(
                id="pilotlight/transcription",
                task="openai/audio-transcription",
                input=Transcribe,
                output=Transcript,
                description="Speech to text in a hundred languages, with word times.",
            ),
        ),
        gpu_memory_gib=0,
        timeout_s=3600,
    )

    def load(self) -> None:
        folder = weights("whisper-base")
        with stage("imports"):
            from faster_whisper import WhisperModel
        with stage("weights"):
            self.model: Any = WhisperModel(str(folder), device="cpu", compute_type="int8")

    def run(self, job_input: Transcribe, context: Context) -> Transcript:
        """Segments are heard one after another, so that progress is the time that was heard."""
        words = "word" in (job_input.timestamp_granularities or ())
        segments, about = self.model.transcribe(
            str(context.input_file(job_input.audio_url)),
            language=self._language(job_input.language),
            task=job_input.task,
            initial_prompt=job_input.prompt,
            temperature=job_input.temperature,
            word_timestamps=words,
            vad_filter=True,
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
        """Whisper knows the first part of ``en-US``. Raises InvalidInput for one it lacks."""
        if asked is None:
            return None
        short = asked.split("-")[0]
        if short not in self.model.supported_languages:
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


WORKER = Transcriber
