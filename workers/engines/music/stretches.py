"""A sound decoded stretch by stretch: the memory of a few seconds, whatever its length.

diffusers' ``AutoencoderOobleck`` has no tiles of its own: at 48,000 samples a second four minutes
of its widest layer take several gigabytes.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

BESIDE: Final = 32
"""Latent frames that a stretch sees on either side of itself. Oobleck's decoder reaches less far:
three frames in its first layer, and 39 samples each time it has made more of them."""


@contextmanager
def by_stretches(coder: Any, frames: int) -> Iterator[None]:
    """``frames`` of latents at a time; the sound is the one of decoding them all at once."""
    whole = coder.decode

    def decode(latents: Any, return_dict: bool = True) -> Any:  # noqa: FBT001 - diffusers'
        import torch
        from diffusers.models.autoencoders.autoencoder_oobleck import OobleckDecoderOutput

        heard = torch.cat(list(_heard(latents)), dim=-1)
        return OobleckDecoderOutput(sample=heard) if return_dict else (heard,)

    def _heard(latents: Any) -> Iterator[Any]:
        length, hop = latents.shape[-1], coder.hop_length
        for start in range(0, length, frames):
            first, last = max(0, start - BESIDE), min(length, start + frames + BESIDE)
            sound = whole(latents[..., first:last]).sample
            yield sound[..., (start - first) * hop :][..., : min(frames, length - start) * hop]

    coder.decode = decode
    try:
        yield
    finally:
        del coder.decode
