"""Whistles a tone for each word, in pieces when somebody listens."""

from __future__ import annotations

import math
import struct
import wave
from typing import TYPE_CHECKING, ClassVar

from pilotlight import Context, Endpoint, File, InvalidInput, Worker, WorkerSpec
from pilotlight.contracts.tasks.speech import Speak, Speech

if TYPE_CHECKING:
    from collections.abc import Iterator

RATE = 8000
"""Samples a second, 16 bits each."""
WORD_S = 0.1


class Whistle(Worker[Speak, Speech]):
    """``tests/whistle`` streams, ``tests/whistle/whole`` does not."""

    spec: ClassVar = WorkerSpec(
        name="whistle",
        endpoints=tuple(
            Endpoint(
                id=name, task="openai/audio-speech", input=Speak, output=Speech, streams=streams
            )
            for name, streams in (("tests/whistle", True), ("tests/whistle/whole", False))
        ),
        gpu_memory_gib=0,
    )

    def run(self, job_input: Speak, context: Context) -> Iterator[Speech]:
        if job_input.response_format not in {"wav", "pcm"}:
            raise InvalidInput("it can only do wav and pcm")
        words = job_input.input.split()
        tones = [tone(220 + 20 * len(word), WORD_S / job_input.speed) for word in words]
        if job_input.response_format == "pcm":
            for number, sound in enumerate(tones):
                piece = context.folder / f"piece-{number}.pcm"
                piece.write_bytes(sound)
                yield _speech(piece, len(sound))
        whole = context.folder / f"speech.{job_input.response_format}"
        data = b"".join(tones)
        if job_input.response_format == "wav":
            with wave.open(str(whole), "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(RATE)
                file.writeframes(data)
        else:
            whole.write_bytes(data)
        return _speech(whole, len(data))


def _speech(path, size: int) -> Speech:
    kind = "audio/wav" if path.suffix == ".wav" else "audio/pcm"
    return Speech(audio_url=File.at(path).url, content_type=kind, duration=size / 2 / RATE)


def tone(pitch: float, seconds: float) -> bytes:
    return b"".join(
        struct.pack("<h", round(12000 * math.sin(2 * math.pi * pitch * n / RATE)))
        for n in range(round(RATE * seconds))
    )


WORKER = Whistle
