"""Reads text aloud in ten languages with nine voices: Qwen3-TTS 1.7B."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from pilotlight import Context, Endpoint, Worker, WorkerSpec
from pilotlight.contracts.tasks.speech import Speak, Speech
from workers.engines.speech import qwen_tts
from workers.engines.speech.speaking import aloud, faster, sentences, voice_of

if TYPE_CHECKING:
    from collections.abc import Generator

NAME: Final = "qwen3-tts"
REPO: Final = "Qwen/Qwen3-TTS-12Hz-1.7B-CustomVoice"
LICENCE: Final = "Apache-2.0"
QUANTISATION: Final = "bf16"
REVISION: Final = "0c0e3051f131929182e2c023b9537f8b1c68adfe"
"""Commit of the repository, as public projects that load it pin it."""
VOICES: Final = (
    "Ryan", "Aiden", "Vivian", "Serena", "Uncle_Fu", "Dylan", "Eric", "Ono_Anna", "Sohee",
)  # fmt: skip
"""Two English ones, then Chinese, Japanese and Korean; each speaks all ten languages."""
LOADED: Final = {"device_map": "cuda:0", "revision": REVISION}


class Qwen3Tts(Worker[Speak, Speech]):
    """``instructions`` say how: "whisper it", "very happy"."""

    spec: ClassVar = WorkerSpec(
        name=NAME,
        endpoints=(
            Endpoint(
                id=NAME,
                task="openai/audio-speech",
                input=Speak,
                output=Speech,
                description=f"Text read aloud ({LICENCE}); voices: {', '.join(VOICES)}.",
                streams=True,
            ),
        ),
        gpu_memory_gib=16,  # it takes 12: a T4 has no bfloat16, an L4 has
        timeout_s=900,
        keep_alive_s=300,
        weights={REPO: REVISION},
        python=qwen_tts.python(),
    )

    def load(self) -> None:
        self.engine: Any = qwen_tts.QwenTts(REPO, **LOADED)

    def run(self, job_input: Speak, context: Context) -> Generator[Speech, None, Speech]:
        """Sentence by sentence. Raises InvalidInput for an unknown voice and for no words."""
        voice, told = voice_of(job_input, VOICES), sentences(job_input.input)
        manner, speed = job_input.instructions, job_input.speed
        takes = (
            faster(self.engine.say(one, voice=voice, manner=manner), qwen_tts.RATE, speed)
            for one in told
        )
        return aloud(takes, job_input, context, rate=qwen_tts.RATE, many=len(told))


WORKER = Qwen3Tts
