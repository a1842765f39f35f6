"""Reads text aloud: the Piper voice Joe (CC0) on the processor, through ONNX Runtime."""

from __future__ import annotations

import json
from typing import Any, ClassVar, Final

from pilotlight import Context, Endpoint, File, InvalidInput, Problem, Worker, WorkerSpec, stage
from pilotlight.contracts.tasks.speech import Speak, Speech
from workers.engines import sound_files
from workers.engines.carried import weights
from workers.engines.pronouncing import Pronouncer, numbers

VOICES: Final = ("joe",)
_PAUSE_S: Final = 0.25
"""Between two sentences."""
_LOUDEST: Final = 32_767


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

    def run(self, job_input: Speak, context: Context) -> Speech:
        """Sentence by sentence. Raises InvalidInput for an unknown voice and for no words."""
        import numpy as np

        if job_input.voice not in (None, *VOICES):
            raise _wrong("voice", f"there is no voice {job_input.voice}; use {', '.join(VOICES)}")
        sentences = self.pronouncer.sentences(job_input.input)
        if not sentences:
            raise _wrong("input", "there is nothing in it that can be said")
        pause = np.zeros(round(_PAUSE_S * self.rate), np.float32)
        spoken: list[Any] = []
        for number, sounds in enumerate(sentences):
            spoken += [self._say(sounds, job_input.speed), pause]
            context.progress((number + 1) / len(sentences))
        samples = (np.concatenate(spoken[:-1]) * _LOUDEST).clip(-_LOUDEST, _LOUDEST)
        form = job_input.response_format
        path = context.folder / f"speech.{form}"
        sound_files.write(path, samples.astype(np.int16), self.rate, form)
        return Speech(
            audio_url=File.at(path).url,
            content_type=sound_files.CONTENT_TYPES[form],
            duration=round(len(samples) / self.rate, 3),
        )

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


def _wrong(field: str, words: str) -> InvalidInput:
    return InvalidInput(words, Problem(("body", field), words, "value_error"))


WORKER = Speaker
