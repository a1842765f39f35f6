"""Last stage: the decoder learns from latents as the whole pipeline really makes them.

The latent space stays the same, so the other parts stay as they are. The pipeline sets first
frames in motion as it does for a caller; the target is the drawn clip that the frame is the first
of. Where the transformer leaves a shape round or broken, the decoder learns to draw what it must
have been: it sees the first frame's latents too, and those are clean.
"""

from random import Random
from typing import Any

import torch
from diffusers import AutoencoderKLLTXVideo
from torch import Tensor

from training.shapes.optimisers import Optimisers
from training.shapes.schedule import Progress, Rate
from training.shapes_video.autoencoder import likeness
from training.shapes_video.clips import HELD_OUT, caption, clips, scenes

BATCH, PEAK, PART = 8, 6e-4, 32
SLOPES_COUNT = 0.5
"""Of differences between neighbouring pixels: a sharp border beats a blurred average."""
CLEAN = 0.15
"""Share of latents that come straight from the encoder."""


def sharpen(
    pipe: Any, call: dict[str, Any], *, steps: int, pool: int, seed: int = 11
) -> AutoencoderKLLTXVideo:
    """The autoencoder of an image-to-video pipeline, its decoder alone changed."""
    rng = Random(1)
    album = [_made(pipe, call, rng) for _ in range(max(1, pool // PART))]
    real, clean, drawn = (torch.cat(one) for one in zip(*album, strict=True))
    torch.manual_seed(seed)
    vae: AutoencoderKLLTXVideo = pipe.vae
    vae.requires_grad_(False).decoder.requires_grad_(True)
    optimisers = Optimisers(vae.decoder, Rate(PEAK, steps), muon=lambda _: True)
    progress = Progress("decoder", steps)
    for step in range(steps):
        rows = torch.randint(0, len(real), (BATCH,))
        straight = (torch.rand(BATCH, 1, 1, 1, 1) < CLEAN).float()
        latents = straight * clean[rows] + (1 - straight) * drawn[rows]
        wanted = real[rows].float() / 127.5 - 1
        with torch.autocast("cpu", torch.bfloat16):
            seen = vae.decode(latents).sample.float()
        optimisers.descend(sharpness(seen, wanted), step)
        progress.add(step, (seen - wanted).square().mean().item())
    return vae.requires_grad_(False).eval()


def sharpness(seen: Tensor, wanted: Tensor) -> Tensor:
    """Pixels, most of all those of the shape, and the slopes between them."""
    slopes = [(seen.diff(dim=d) - wanted.diff(dim=d)).abs().mean() for d in (-1, -2)]
    return likeness(seen, wanted) + SLOPES_COUNT * torch.stack(slopes).sum()


@torch.no_grad()
def _made(pipe: Any, call: dict[str, Any], rng: Random) -> tuple[Tensor, Tensor, Tensor]:
    """PART drawn clips as bytes, their latents, and those that come of their first frames."""
    shown = rng.choices(scenes()[HELD_OUT:], k=PART)
    real = clips(rng, shown)
    packed = pipe(
        image=real[:, :, 0] / 2 + 0.5,
        prompt=[caption(scene, rng) for scene in shown],
        generator=torch.Generator().manual_seed(rng.randrange(2**32)),
        output_type="latent",
        **call,
    ).frames
    grid = packed.transpose(1, 2).unflatten(2, (3, 4, 4))
    mean, deviation = (
        one.view(1, -1, 1, 1, 1) for one in (pipe.vae.latents_mean, pipe.vae.latents_std)
    )
    as_bytes = ((real.clamp(-1, 1) + 1) * 127.5).round().byte()
    return as_bytes, pipe.vae.encode(real).latent_dist.mode(), grid * deviation + mean
