"""Says when somebody speaks: Silero VAD (MIT), which faster-whisper's wheel carries."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from pydantic import BaseModel, Field

from pilotlight import AudioUrl, Context, Endpoint, Worker, WorkerSpec, stage
from workers.engines.media import sounds

RATE: Final = 16_000
"""Samples a second that the model hears."""


class Input(BaseModel):
    audio_url: AudioUrl
    threshold: float = Field(default=0.5, gt=0, lt=1, description="How sure it has to be.")
    min_silence_s: float = Field(
        default=0.5, ge=0, le=60, description="A shorter pause ends no stretch of speech."
    )
    padding_s: float = Field(
        default=0.1, ge=0, le=5, description="Left around each stretch, so that no word is cut."
    )


class Stretch(BaseModel):
    """Seconds from the beginning."""

    start: float
    end: float


class Output(BaseModel):
    """Lengths in seconds."""

    segments: list[Stretch]
    speech: float
    duration: float


class Listener(Worker[Input, Output]):
    spec: ClassVar = WorkerSpec(
        name="speech-activity",
        endpoints=(
            Endpoint(
                id="pilotlight/speech-activity",
                task="fal/speech-activity",
                input=Input,
                output=Output,
                description="When somebody speaks in a recording, in any language.",
            ),
        ),
        gpu_memory_gib=0,
        timeout_s=600,
    )

    def load(self) -> None:
        with stage("imports"):
            from faster_whisper import vad
        with stage("weights"):
            vad.get_vad_model()
        self.vad: Any = vad

    def run(self, job_input: Input, context: Context) -> Output:
        """Raises InvalidInput for a file without sound."""
        source = context.input_file(job_input.audio_url)
        samples = sounds.sound(source, "audio_url", rate=RATE)
        options = self.vad.VadOptions(
            threshold=job_input.threshold,
            min_silence_duration_ms=round(1000 * job_input.min_silence_s),
            speech_pad_ms=round(1000 * job_input.padding_s),
        )
        found = self.vad.get_speech_timestamps(samples, options, sampling_rate=RATE)
        stretches = [
            Stretch(start=round(one["start"] / RATE, 3), end=round(one["end"] / RATE, 3))
            for one in found
        ]
        return Output(
            segments=stretches,
            speech=round(sum(one.end - one.start for one in stretches), 3),
            duration=round(len(samples) / RATE, 3),
        )


WORKER = Listener
