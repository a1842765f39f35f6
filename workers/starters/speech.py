"""Reads text aloud: the Piper voice Joe (CC0) on the processor, through ONNX Runtime."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pilotlight import Context, Endpoint, Worker, WorkerSpec, stage
from pilotlight.contracts.tasks.speech import Speak, Speech
from workers.engines.speech.pronouncing import Pronouncer, numbers
from workers.engines.speech.speaking import aloud, voice_of, wrong
from workers.engines.weights.carried import weights

if TYPE_CHECKING:
    from collections.abc import Generator

VOICES: Final = ("joe",)


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
        """Sentence by sentence. Raises InvalidInput for an unknown voice and for no words."""
        voice_of(job_input, VOICES)
        sentences = self.pronouncer.sentences(job_input.input)
        if not sentences:
            raise wrong("input", "there is nothing in it that can be said")
        takes = (self._say(sounds, job_input.speed) for sounds in sentences)
        return aloud(takes, job_input, context, rate=self.rate, many=len(sentences))

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


WORKER = Speaker
