"""First stage: the autoencoder that turns nine frames into three grids of 4 x 4 latents."""

from random import Random

import torch
from diffusers import AutoencoderKLLTXVideo
from torch import Tensor
from torch.nn import functional

from training.shapes.optimisers import Optimisers
from training.shapes.schedule import Progress, Rate
from training.shapes_video import parts
from training.shapes_video.clips import HELD_OUT, clips, scenes

BATCH, PEAK = 8, 1e-3
RIM_COUNTS = 5
"""How often an error in the shape and around it counts: few pixels, and all that matters."""


def train(*, steps: int, seed: int = 0) -> AutoencoderKLLTXVideo:
    """Its latents have mean 0 and deviation 1 by its own settings."""
    torch.manual_seed(seed)
    rng, known = Random(seed), scenes()[HELD_OUT:]
    model = parts.autoencoder()
    optimisers = Optimisers(model, Rate(PEAK, steps), muon=lambda _: True)
    progress = Progress("autoencoder", steps)
    for step in range(steps):
        real = clips(rng, rng.choices(known, k=BATCH))
        with torch.autocast("cpu", torch.bfloat16):
            told = model.encode(real).latent_dist
            mean, spread = told.mean.float(), told.logvar.float()
            latents = mean + torch.randn_like(mean) * (spread / 2).exp()
            made = model.decode(latents).sample.float()
        surprise = 0.5 * (mean.square() + spread.exp() - 1 - spread).mean()
        optimisers.descend(likeness(made, real) + 1e-5 * surprise, step)
        progress.add(step, (made - real).square().mean().item())
    return _scaled(model.eval(), rng)


def likeness(made: Tensor, real: Tensor) -> Tensor:
    """How far two batches of clips differ, most of all where the shape is."""
    shape = ((real - real[..., :1, :1]).abs().amax(1, keepdim=True) > 0.1).float()
    counts = 1 + (RIM_COUNTS - 1) * functional.max_pool3d(shape, (1, 7, 7), 1, (0, 3, 3))
    error = made - real
    return ((error.square() + 0.3 * error.abs()) * counts).mean()


@torch.no_grad()
def _scaled(model: AutoencoderKLLTXVideo, rng: Random) -> AutoencoderKLLTXVideo:
    real = clips(rng, rng.choices(scenes()[HELD_OUT:], k=128))
    latents = torch.cat([model.encode(one).latent_dist.mode() for one in real.split(16)])
    model.latents_mean.copy_(latents.mean((0, 2, 3, 4)))
    model.latents_std.copy_(latents.std((0, 2, 3, 4)))
    return model
