"""Writes down what is said, in a hundred languages: Whisper large v3 turbo, 16 bits."""

from __future__ import annotations

from typing import ClassVar, Final

from pilotlight import Context, Endpoint, Worker, WorkerSpec
from pilotlight.contracts.tasks.transcription import Transcribe, Transcript
from workers.engines.speech.whisper import Whisper

NAME: Final = "whisper-large-v3-turbo"
REPO: Final = "mobiuslabsgmbh/faster-whisper-large-v3-turbo"
"""OpenAI's weights for CTranslate2, 1.6 GB; what faster-whisper itself takes by that name."""
LICENCE: Final = "MIT"
QUANTISATION: Final = "float16"
REVISION: Final = "0a363e9161cbc7ed1431c9597a8ceaf0c4f78fcf"
"""Commit of the repository, as public projects that load it pin it."""
BATCH: Final = 16
"""Stretches of up to 30 s each that are heard at a time: about 3 GB beside the weights."""
LOADED: Final = {"compute_type": QUANTISATION, "revision": REVISION}


class WhisperLargeV3Turbo(Worker[Transcribe, Transcript]):
    """It was not taught to translate: ``translate`` may come out in the language spoken."""

    spec: ClassVar = WorkerSpec(
        name=NAME,
        endpoints=(
            Endpoint(
                id=NAME,
                task="openai/audio-transcription",
                input=Transcribe,
                output=Transcript,
                description=f"Speech to text in a hundred languages, with word times ({LICENCE}).",
            ),
        ),
        gpu_memory_gib=8,
        timeout_s=3600,
        keep_alive_s=300,
        weights={REPO: REVISION},
    )

    def load(self) -> None:
        self.model = Whisper(REPO, device="cuda", batch=BATCH, **LOADED)

    def run(self, job_input: Transcribe, context: Context) -> Transcript:
        """Raises InvalidInput for a language that Whisper lacks."""
        return self.model.transcribe(job_input, context)


WORKER = WhisperLargeV3Turbo
