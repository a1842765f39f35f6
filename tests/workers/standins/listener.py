"""Listens to a WAV file and counts its seconds aloud."""

from __future__ import annotations

import wave
from typing import TYPE_CHECKING, ClassVar

from pilotlight import Context, Endpoint, InvalidInput, Worker, WorkerSpec
from pilotlight.contracts.tasks.transcription import Segment, Transcribe, Transcript, Word

if TYPE_CHECKING:
    from collections.abc import Iterator


class Listener(Worker[Transcribe, Transcript]):
    spec: ClassVar = WorkerSpec(
        name="listener",
        endpoints=(
            Endpoint(
                id="tests/listener",
                task="openai/audio-transcription",
                input=Transcribe,
                output=Transcript,
                streams=True,
            ),
        ),
        gpu_memory_gib=0,
    )

    def run(self, job_input: Transcribe, context: Context) -> Iterator[Transcript]:
        try:
            with wave.open(str(context.input_file(job_input.audio_url))) as file:
                seconds = file.getnframes() / file.getframerate()
        except (wave.Error, EOFError):
            raise InvalidInput("it can only hear WAV") from None
        heard = "second" if job_input.task == "transcribe" else "in English, second"
        segments: list[Segment] = []
        while len(segments) < seconds:
            at = len(segments)
            end = min(at + 1.0, seconds)
            segments.append(Segment(id=at, start=at, end=end, text=f" {heard} {at + 1}."))
            yield _transcript(job_input, segments, seconds)


def _transcript(wish: Transcribe, segments: list[Segment], seconds: float) -> Transcript:
    words = [Word(word=one.text.split()[-1], start=one.start, end=one.end) for one in segments]
    return Transcript(
        text="".join(one.text for one in segments).strip(),
        language=wish.language or "en",
        duration=seconds,
        segments=list(segments),
        words=words if "word" in (wish.timestamp_granularities or []) else None,
    )


WORKER = Listener
