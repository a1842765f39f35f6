"""Workers that are a music model behind diffusers and nothing else."""

from __future__ import annotations

import secrets
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pilotlight import Context, File, Worker, stage
from workers.engines.diffusers.loading import load
from workers.engines.diffusers.memory import bounded
from workers.engines.music import files as music_files
from workers.engines.music.contracts import SHORTEST_S, Compose, Music
from workers.engines.music.stretches import by_stretches
from workers.engines.quiet import quiet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from workers.engines.diffusers.declared import Diffused

WORDS: Final = frozenset(
    {
        "prompt", "lyrics", "vocal_language", "audio_duration", "bpm", "num_inference_steps",
        "guidance_scale", "generator", "callback_on_step_end", "output_type",
    }
)  # fmt: skip
"""Every argument that a call may have."""
_SEEDS: Final = 2**63
"""PyTorch's generators take no larger ones."""
_DISTILLED: Final = 1.0
"""Guidance of a model that has it in its weights."""
_STRETCH_S, _SPARE_STRETCH_S = 30, 5
"""Decoded at a time, and on the second try after memory ran out."""
_DECODING: Final = 0.05
"""Share of a job's time that is left when the last step is done: decoding and the file."""


class Composing(Worker[Compose, Music]):
    """Music from words, with or without lyrics; one at a time."""

    model: ClassVar[Diffused]

    def load(self) -> None:
        self.pipes = load(self.model)
        with stage("warm_up"):
            self.warm_up()

    def warm_up(self) -> None:
        """One step of the shortest music, that nobody hears."""
        with quiet():
            self.pipes.base(prompt="", audio_duration=SHORTEST_S, num_inference_steps=1,
                            guidance_scale=_DISTILLED, output_type="latent")  # fmt: skip

    def park(self) -> bool:
        return self.pipes.park()

    def wake(self) -> None:
        self.pipes.wake()

    def run(self, job_input: Compose, context: Context) -> Music:
        """A cancelled job ends at the next step. Raises OutOfMemory, tried again with less."""
        began = time.perf_counter()
        said = job_input.seed
        seed = secrets.randbelow(2**32) if said is None else said
        sound = self._heard(job_input, seed, context)
        inferred = time.perf_counter() - began
        rate = int(self.pipes.base.sample_rate)
        path = context.folder / f"music.{job_input.output_format}"
        kind = music_files.write(path, sound, rate, job_input.output_format)
        context.progress(1)
        return Music.model_validate(
            {
                "audio": File.at(path, content_type=kind),
                "duration": sound.shape[1] / rate,
                "sample_rate": rate,
                "seed": seed,
                "timings": {
                    "inference": round(inferred, 4),
                    "file": round(time.perf_counter() - began - inferred, 4),
                },
            },
            from_attributes=True,
        )

    def _heard(self, asked: Compose, seed: int, context: Context) -> NDArray[Any]:
        """Numbers from -1 to 1, shape (channels, n), as long as was asked for."""
        import torch

        if self.pipes.device == "cpu":
            torch.set_num_threads(1)  # counts per calling thread; equal seeds, equal sounds
        pipe, steps = self.pipes.base, asked.num_inference_steps

        def stepped(_pipe: Any, step: int, _time: Any, _tensors: dict[str, Any]) -> dict[str, Any]:
            share = (step + 1) / steps * (1 - _DECODING)
            context.progress(share, f"step {step + 1} of {steps}")
            return {}

        def call() -> Any:
            return pipe(
                prompt=asked.prompt,
                lyrics=asked.lyrics,
                vocal_language=asked.vocal_language,
                audio_duration=asked.duration,
                bpm=asked.bpm,
                num_inference_steps=steps,
                guidance_scale=_DISTILLED,
                generator=torch.Generator("cpu").manual_seed(seed % _SEEDS),
                callback_on_step_end=stepped,
                output_type="np",
            ).audios[0]

        stretch = _SPARE_STRETCH_S if context.low_memory else _STRETCH_S
        with ExitStack() as ways:
            ways.enter_context(quiet())
            ways.enter_context(by_stretches(pipe.vae, round(stretch * pipe.latents_per_second)))
            if context.low_memory:
                ways.enter_context(_part_by_part(pipe, self.pipes.device))
            sound: NDArray[Any] = bounded(call)
        return sound[:, : round(asked.duration * pipe.sample_rate)]


@contextmanager
def _part_by_part(pipe: Any, device: str) -> Iterator[None]:
    """Only the part at work is on the GPU, for as long as the block runs."""
    if device == "cpu":
        yield
        return
    pipe.enable_model_cpu_offload(device=device)
    try:
        yield
    finally:
        pipe.remove_all_hooks()
        pipe.to(device)
