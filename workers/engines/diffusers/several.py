"""FLUX.1 Kontext over several pictures, laid out as DreamOmni2's adaptation of it was taught.

A token of FLUX has three places: an index, a row and a column. Kontext gives its one picture the
index 1. Here picture k has the index k, and its columns begin where those of the picture before it
end: side by side (https://github.com/dvlab-research/DreamOmni2, ``prepare_latents``). With one
picture it is Kontext. This module is imported with the weights, not before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from diffusers import FluxKontextPipeline
from diffusers.pipelines.flux.pipeline_flux_kontext import PREFERRED_KONTEXT_RESOLUTIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image
    from torch import Tensor

    from workers.engines.diffusers.declared import Size


class FluxKontextOfSeveral(FluxKontextPipeline):  # type: ignore[misc]
    """Not for two threads at once."""

    def __call__(self, *, images: Sequence[Image], _auto_resize: bool = True, **words: Any) -> Any:
        """One picture out of all of ``images`` and a sentence; other arguments are Kontext's."""
        self._pictures = [self._fitted(one, resized=_auto_resize) for one in images]
        try:
            return super().__call__(_auto_resize=_auto_resize, **words)
        finally:
            del self._pictures

    def prepare_latents(
        self, _image: None, batch_size: int, *how: Any
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Kontext's own for the noise, and the pictures beside each other."""
        drawn, _, places, _ = super().prepare_latents(None, batch_size, *how)
        _channels, _height, _width, dtype, device, *_ = how
        seen, where, column = [], [], 0
        for number, picture in enumerate(self._pictures, 1):
            found = self._encode_vae_image(picture.to(device, dtype), None)
            found = found.expand(batch_size, *found.shape[1:])
            rows, columns = (side // 2 for side in found.shape[2:])
            place = self._prepare_latent_image_ids(batch_size, rows, columns, device, dtype)
            place[..., 0] = number
            place[..., 2] += column
            column += columns
            where.append(place)
            seen.append(self._pack_latents(found, batch_size, found.shape[1], *found.shape[2:]))
        return drawn, torch.cat(seen, dim=1), places, torch.cat(where)

    def _fitted(self, picture: Image, *, resized: bool) -> Tensor:
        width, height = suited(picture.size) if resized else picture.size
        patch = self.vae_scale_factor * 2
        height, width = height // patch * patch, width // patch * patch
        pixels: Tensor = self.image_processor.preprocess(
            self.image_processor.resize(picture, height, width), height, width
        )
        return pixels


def suited(size: Size) -> Size:
    """The nearest in shape of the sizes that Kontext was taught with, about a megapixel each."""
    ratio = size[0] / size[1]
    _, width, height = min((abs(ratio - w / h), w, h) for w, h in PREFERRED_KONTEXT_RESOLUTIONS)
    return width, height
