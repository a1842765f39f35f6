"""Writes down what is said: Whisper base (MIT) on the processor, through faster-whisper (MIT)."""

from __future__ import annotations

from typing import ClassVar

from pilotlight import Context, Endpoint, Worker, WorkerSpec
from pilotlight.contracts.tasks.transcription import Transcribe, Transcript
from workers.engines.speech.whisper import Whisper
from workers.engines.weights.carried import weights


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
        self.model = Whisper(weights("whisper-base"), device="cpu", compute_type="int8")

    def run(self, job_input: Transcribe, context: Context) -> Transcript:
        """Raises InvalidInput for a language that Whisper lacks."""
        return self.model.transcribe(job_input, context)


WORKER = Transcriber
