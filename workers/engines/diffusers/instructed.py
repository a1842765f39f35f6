"""Pictures changed by instruction: a FLUX-shaped model that was taught to obey (``training/editing``).

diffusers' stock ``FluxPipeline`` runs it. It is told where to begin: at the picture itself under a
little noise, where a model that draws from nothing begins at noise alone. What is not to change is
there already.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pilotlight import WeightsMissing, stage
from workers.engines import weights
from workers.engines.diffusers.ground import SAME, on_the_same_ground
from workers.engines.diffusers.text_to_image import SILENT_LENGTH, FluxTextToImage
from workers.engines.quiet import quiet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from PIL.Image import Image
    from torch import Tensor

KINDS_FILE: Final = "kinds.safetensors"
LISTED: Final = "kinds"
"""Where that file's header names them, in JSON."""
NOISE: Final = 0.15
"""Deviation of the noise that the picture is under at first, as in training; latents have one of 1."""
STEPS: Final = 2
"""The levels that training visited."""
THIN, NEAR = 1, 12
"""What differs in a line of at most 2 x THIN pixels is a border that did not move, unless something
broader differs within NEAR pixels of it."""
BORDER: Final = 2
"""Pixels around what has changed that are taken from the model too."""


def flux_instructed(folder: Path, drawing: FluxTextToImage) -> FluxInstructed:
    """The text encoder, the transformer and the kinds in ``folder``; all else is ``drawing``'s."""
    if not (folder / KINDS_FILE).is_file():
        raise WeightsMissing(f"no model that follows instructions in {folder}")
    with stage("imports"):
        import torch
        from safetensors import safe_open

        with quiet():
            from diffusers import FluxPipeline, FluxTransformer2DModel
            from transformers import CLIPTextModel, CLIPTokenizer
    with stage("weights") as reading, quiet():
        weights.prefetch(folder, told=reading.progress)
        how = {"dtype": torch.float32, "local_files_only": True}
        own = {
            "transformer": FluxTransformer2DModel.from_pretrained(folder / "transformer", **how),
            "text_encoder": CLIPTextModel.from_pretrained(folder / "text_encoder", **how),
            "tokenizer": CLIPTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True),
        }
        pipe = FluxPipeline(**{**drawing.pipe.components, **own})
        with safe_open(folder / KINDS_FILE, "pt") as file:
            names = json.loads(file.metadata()[LISTED])
            layer = file.get_tensor("weight").float(), file.get_tensor("bias").float()
    pipe.set_progress_bar_config(disable=True)
    return FluxInstructed(FluxTextToImage(pipe, drawing.defaults), names, layer)


@dataclass(frozen=True)
class FluxInstructed:
    """A loaded model; pictures are squares of its size."""

    model: FluxTextToImage
    kinds: Sequence[str]
    layer: tuple[Tensor, Tensor]
    """From a sentence's vector to how well each of the kinds fits it."""

    def kind(self, sentence: str) -> str:
        """What the sentence asks for, of ``kinds``: the one that fits best."""
        import torch

        pipe = self.model.pipe
        with torch.inference_mode(), quiet():
            tokens = pipe.tokenizer(sentence, truncation=True, return_tensors="pt")
            vector = pipe.text_encoder(tokens.input_ids).pooler_output[0]
        weight, bias = self.layer
        return self.kinds[int((weight @ vector + bias).argmax())]

    def change(
        self, instruction: str, picture: Image, *, seed: int, on_step: Callable[[int], None]
    ) -> Image:
        """``picture`` after the change; where nothing changes its pixels stay, to the bit.

        What ``on_step`` raises ends it.
        """
        import torch

        torch.set_num_threads(1)  # as when drawing: equal seeds, equal bytes

        def stepped(_pipe: Any, step: int, _time: Any, _tensors: dict[str, Any]) -> dict[str, Any]:
            on_step(step + 1)
            return {}

        latents, unchanged = self._seen(picture)
        noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(seed))
        with quiet():
            drawn = self.model.pipe(
                instruction,
                prompt_2=" ",
                guidance_scale=0.0,
                num_inference_steps=STEPS,
                height=self.model.defaults["height"],
                width=self.model.defaults["width"],
                latents=latents + NOISE * noise,
                max_sequence_length=SILENT_LENGTH,
                callback_on_step_end=stepped,
            )
        return _where_changed(drawn.images[0], unchanged, picture)

    def _seen(self, picture: Image) -> tuple[Tensor, Image]:
        """The picture's latents as the transformer's tokens, and the picture that the autoencoder
        makes of them: every pixel of it is a little off."""
        import torch

        pipe, config = self.model.pipe, self.model.pipe.vae.config
        with torch.inference_mode():
            pixels = pipe.image_processor.preprocess(picture, picture.height, picture.width)
            latents = pipe.vae.encode(pixels).latents
            decoded = pipe.vae.decode(latents).sample
            made: Image = pipe.image_processor.postprocess(decoded)[0]
            scaled = (latents - config.shift_factor) * config.scaling_factor
            tokens: Tensor = pipe._pack_latents(scaled, *scaled.shape)  # noqa: SLF001
        return tokens, made


def _where_changed(changed: Image, unchanged: Image, picture: Image) -> Image:
    """``changed`` where it differs from what the autoencoder makes of the picture itself."""
    from PIL import Image as Pictures
    from PIL import ImageChops, ImageFilter

    away = ImageChops.difference(changed, unchanged).split()
    most = ImageChops.lighter(ImageChops.lighter(away[0], away[1]), away[2])
    mask = most.point(lambda value: 255 * (value > SAME))
    cores = mask.filter(ImageFilter.MinFilter(2 * THIN + 1))
    mask = ImageChops.darker(mask, cores.filter(ImageFilter.MaxFilter(2 * NEAR + 1)))
    mask = mask.filter(ImageFilter.MaxFilter(2 * BORDER + 1))
    return Pictures.composite(on_the_same_ground(changed, picture), picture, mask)
