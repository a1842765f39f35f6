"""What a picture looks like while it is drawn: where its latents are heading, decoded.

For models of flow matching: along the last step, straight on to where no noise is left.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL.Image import Image
    from torch import Tensor


@dataclass
class Preview:
    """Of one call."""

    kind: Literal["", "packed", "plain"]
    """``packed`` as FLUX keeps its latents, four to a token; ``plain`` as the autoencoder does."""
    width: int
    height: int
    _before: list[Tensor] = field(default_factory=list)

    def looks(
        self, pipe: Any, step: int, latents: Tensor
    ) -> Callable[[int], Callable[[], Image] | None]:
        """By place in the call: how to see that picture; nothing is decoded before it is asked."""
        before = self._before[-1] if self._before else None
        self._before[:] = [latents]
        sigmas = pipe.scheduler.sigmas
        if before is None or before.shape != latents.shape or step + 1 >= len(sigmas):
            return lambda _place: None
        level, next_level = sigmas[step], sigmas[step + 1]
        if level == next_level:
            return lambda _place: None
        velocity = (before - latents) / (level - next_level)
        clear = latents - next_level * velocity
        return lambda place: lambda: self._picture(pipe, clear[place : place + 1])

    def _picture(self, pipe: Any, latents: Tensor) -> Image:
        import torch

        with torch.inference_mode():
            vae, config = pipe.vae, pipe.vae.config
            if self.kind == "packed":
                factor = pipe.vae_scale_factor
                latents = pipe._unpack_latents(latents, self.height, self.width, factor)  # noqa: SLF001
            scaled = latents / config.scaling_factor + (getattr(config, "shift_factor", None) or 0)
            decoded = vae.decode(scaled.to(vae.dtype), return_dict=False)[0]
            return pipe.image_processor.postprocess(decoded)[0]  # type: ignore[no-any-return]
