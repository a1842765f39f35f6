"""Text to image with a diffusers pipeline that lies in a folder, on the processor.

One picture at a time, from one seed, on one thread: the same numbers are then added in the same
order wherever a job lands, and equal seeds give equal bytes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pilotlight import WeightsMissing, stage
from workers.engines import weights
from workers.engines.quiet import quiet

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from PIL.Image import Image
    from torch import Tensor

    OnStep = Callable[[int, Callable[[], Image]], None]
    """Told after each step: its number from 1, and how to see the picture as it now looks."""

DEFAULTS_FILE = "pilotlight.json"
"""How a model is best called, stored with its weights."""

SILENT_LENGTH = 8
"""Tokens for the second text encoder, which reads nothing: fewer are faster."""


def flux_text_to_image(folder: Path) -> FluxTextToImage:
    """Read the pipeline and its call defaults; nothing is downloaded."""
    if not (folder / "model_index.json").is_file():
        raise WeightsMissing(f"no diffusers model in {folder}")
    with stage("imports"):
        import torch

        with quiet():
            from diffusers import FluxPipeline
    with stage("weights") as reading, quiet():
        weights.prefetch(folder, told=reading.progress)
        pipe = FluxPipeline.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    model = FluxTextToImage(pipe, json.loads((folder / DEFAULTS_FILE).read_text()))
    with stage("warm_up"):
        model.warm_up()
    return model


@dataclass(frozen=True)
class FluxTextToImage:
    """A loaded FLUX-shaped model that takes true classifier-free guidance."""

    pipe: Any
    defaults: dict[str, Any]

    def draw(
        self, prompt: str, *, seed: int, steps: int, guidance: float, on_step: OnStep
    ) -> Image:
        """One picture; ``guidance`` of 1 or less asks for none. What ``on_step`` raises ends it."""
        import torch

        torch.set_num_threads(1)  # counts per calling thread, so not in load
        noise = self._noise(seed)
        watch = _Watch(self, noise, on_step)
        with quiet():
            drawn = self.pipe(
                prompt,
                prompt_2=" ",
                negative_prompt="" if guidance > 1 else None,
                true_cfg_scale=guidance,
                num_inference_steps=steps,
                width=self.defaults["width"],
                height=self.defaults["height"],
                latents=noise,
                max_sequence_length=SILENT_LENGTH,
                callback_on_step_end=watch.stepped,
            )
        return drawn.images[0]  # type: ignore[no-any-return]

    def warm_up(self) -> None:
        """One step that nobody sees: what libraries do at their first call is done by then."""
        self.draw("", seed=0, steps=1, guidance=1, on_step=lambda _step, _look: None)

    def unread(self, prompt: str) -> str:
        """The end of a prompt that is longer than the model reads, else nothing."""
        tokenizer = self.pipe.tokenizer
        with quiet():
            tokens = tokenizer(prompt).input_ids
        rest = tokens[tokenizer.model_max_length - 1 : -1]
        return str(tokenizer.decode(rest)) if len(tokens) > tokenizer.model_max_length else ""

    def _noise(self, seed: int) -> Tensor:
        import torch

        channels = self.pipe.transformer.config.in_channels // 4
        generator = torch.Generator().manual_seed(seed)
        size = self.defaults["height"], self.defaults["width"]
        latents, _ = self.pipe.prepare_latents(
            1, channels, *size, torch.float32, torch.device("cpu"), generator
        )
        return latents

    def picture(self, latents: Tensor) -> Image:
        """Decode packed latents."""
        import torch

        with torch.inference_mode():
            factor, config = self.pipe.vae_scale_factor, self.pipe.vae.config
            size = self.defaults["height"], self.defaults["width"]
            grid = self.pipe._unpack_latents(latents, *size, factor)  # noqa: SLF001
            decoded = self.pipe.vae.decode(grid / config.scaling_factor + config.shift_factor)
            return self.pipe.image_processor.postprocess(decoded.sample)[0]  # type: ignore[no-any-return]


class _Watch:
    """Follows one run step by step, and can guess where it is heading."""

    def __init__(self, model: FluxTextToImage, noise: Tensor, on_step: OnStep) -> None:
        self.model, self.before, self.on_step = model, noise, on_step

    def stepped(
        self, pipe: Any, step: int, _time: Tensor, tensors: dict[str, Any]
    ) -> dict[str, Any]:
        latents = tensors["latents"]
        level, next_level = pipe.scheduler.sigmas[step : step + 2]
        velocity = (self.before - latents) / (level - next_level)
        self.before = latents
        self.on_step(step + 1, lambda: self.model.picture(latents - next_level * velocity))
        return {}
