"""Reads text aloud: the Piper voice Joe (CC0) on the processor, through ONNX Runtime."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pilotlight import Context, Endpoint, File, InvalidInput, Problem, Worker, WorkerSpec, stage
from pilotlight.contracts.tasks.speech import Speak, Speech
from workers.engines.carried import weights
from workers.engines.pronouncing import Pronouncer, numbers
from workers.engines.sound_files import CONTENT_TYPES, SoundFile

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

VOICES: Final = ("joe",)
_PAUSE_S: Final = 0.25
"""Between two sentences."""
_LOUDEST: Final = 32_767
_PIECE_BYTES: Final = 128 * 1024
"""Longest piece that a follower gets at once; a partial output carries twice as much."""


class Speaker(Worker[Speak, Speech]):
    spec: ClassVar = WorkerSpec(
        name="speech",
        endpoints=(
            Endpoint(
                id="pilotlight/speech",
                task="openai/audio-speech",
                input=Speak,
                output=Speech,
                description=f"English text read aloud; voices: {', '.join(VOICES)}.",
                streams=True,
            ),
        ),
        gpu_memory_gib=0,
        timeout_s=300,
    )

    def load(self) -> None:
        voice, words = weights("joe"), weights("pronunciations")
        with stage("imports"):
            import onnxruntime
        with stage("weights"):
            self.session: Any = onnxruntime.InferenceSession(
                str(voice / "en_US-joe-medium.onnx"), providers=["CPUExecutionProvider"]
            )
            facts = json.loads((voice / "en_US-joe-medium.onnx.json").read_text())
            self.pronouncer = Pronouncer(words)
        self.ids: dict[str, list[int]] = facts["phoneme_id_map"]
        self.rate: int = facts["audio"]["sample_rate"]
        self.manner: dict[str, float] = facts["inference"]

    def run(self, job_input: Speak, context: Context) -> Generator[Speech, None, Speech]:
        """Sentence by sentence; whoever follows hears each as soon as it is spoken.

        A WAV begins with its length, so it comes as a whole, unless ``stream_format`` asks for
        one of unknown length. Raises InvalidInput for an unknown voice and for no words.
        """
        if job_input.voice not in (None, *VOICES):
            raise _wrong("voice", f"there is no voice {job_input.voice}; use {', '.join(VOICES)}")
        sentences = self.pronouncer.sentences(job_input.input)
        if not sentences:
            raise _wrong("input", "there is nothing in it that can be said")
        form = job_input.response_format
        growing = context.streaming and (form != "wav" or job_input.stream_format is not None)
        path = context.folder / f"speech.{form}"
        sound = SoundFile(path, self.rate, form, growing=growing)
        for number, sounds in enumerate(sentences):
            made = sound.add(self._samples(sounds, job_input.speed, pause=number > 0))
            yield from _pieces(made, form, number, context)
            context.progress((number + 1) / len(sentences))
        yield from _pieces(sound.close(), form, len(sentences), context)
        return Speech(
            audio_url=File.at(path).url,
            content_type=CONTENT_TYPES[form],
            duration=round(sound.seconds, 3),
        )

    def _samples(self, sounds: str, speed: float, *, pause: bool) -> Any:
        """One sentence in 16 bits, shape (n,)."""
        import numpy as np

        said = (self._say(sounds, speed) * _LOUDEST).clip(-_LOUDEST, _LOUDEST).astype(np.int16)
        silence = np.zeros(round(_PAUSE_S * self.rate) if pause else 0, np.int16)
        return np.concatenate([silence, said])

    def _say(self, sounds: str, speed: float) -> Any:
        """One sentence as samples from -1 to 1, shape (n,)."""
        import numpy as np

        taken = numbers(sounds, self.ids)
        manner = self.manner
        scales = [manner["noise_scale"], manner["length_scale"] / speed, manner["noise_w"]]
        return self.session.run(
            None,
            {
                "input": np.array([taken], np.int64),
                "input_lengths": np.array([len(taken)], np.int64),
                "scales": np.array(scales, np.float32),
            },
        )[0].reshape(-1)


def _pieces(sound: bytes, form: str, number: int, context: Context) -> Iterator[Speech]:
    """What a follower has not heard yet, in files of their own."""
    for at in range(0, len(sound), _PIECE_BYTES):
        piece = context.folder / f"piece-{number}-{at}.{form}"
        piece.write_bytes(sound[at : at + _PIECE_BYTES])
        yield Speech(audio_url=File.at(piece).url, content_type=CONTENT_TYPES[form])


def _wrong(field: str, words: str) -> InvalidInput:
    return InvalidInput(words, Problem(("body", field), words, "value_error"))


WORKER = Speaker
