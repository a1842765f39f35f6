"""First stage: the autoencoder that turns a 96-pixel picture into 12 x 12 latents of 8 channels.

Most of the decoder works on the coarse grid, where a layer is cheap and sees far: that is where
it can still put a border right that the transformer left crooked.
"""

from random import Random

import torch
from diffusers import AutoencoderTiny
from torch import Tensor
from torch.nn import functional

from training.shapes import scenes
from training.shapes.drawing import SIZE, draw
from training.shapes.optimisers import Optimisers
from training.shapes.schedule import Progress, Rate

CHANNELS, WIDTH, SCALE = 8, 32, 8
"""Latent channels, channels of every layer, and pixels per latent along each side."""

CROP, BATCH, PEAK = 48, 28, 2e-3
NOISE = 0.4
"""Strongest error, in latents, that the decoder learns to see through."""


def train(*, steps: int, pictures: int = 4000, seed: int = 0) -> AutoencoderTiny:
    """A trained autoencoder, its latents scaled to mean 0 and deviation 1 by its own settings."""
    torch.manual_seed(seed)
    rng = Random(seed)
    model = build()
    optimisers = Optimisers(model, Rate(PEAK, steps), muon=lambda _: True)
    album = _album(rng, pictures)
    progress = Progress("autoencoder", steps)
    for step in range(steps):
        real = _crops(rng, album)
        with torch.autocast("cpu", torch.bfloat16):
            latents = model.encoder(real).float()
            error = NOISE * torch.rand(BATCH, 1, 1, 1).square() * torch.randn_like(latents)
            seen = model.decoder(latents + error).float()
        loss = likeness(seen, real) + 1e-3 * latents.square().mean()
        optimisers.descend(loss, step)
        progress.add(step, loss.item())
    return _scaled(model.eval(), album)


def build() -> AutoencoderTiny:
    """An untrained autoencoder."""
    return AutoencoderTiny(
        encoder_block_out_channels=(WIDTH,) * 4,
        decoder_block_out_channels=(WIDTH,) * 4,
        num_encoder_blocks=(0, 1, 1, 3),
        num_decoder_blocks=(4, 2, 1, 1),
        latent_channels=CHANNELS,
        latent_magnitude=3,
        scaling_factor=1.0,
        shift_factor=0.0,
    ).to(memory_format=torch.channels_last)


def likeness(seen: Tensor, real: Tensor) -> Tensor:
    """How far two batches of pictures differ, borders counting twice."""
    slopes = sum(functional.l1_loss(seen.diff(dim=d), real.diff(dim=d)) for d in (-1, -2))
    return functional.mse_loss(seen, real) + 0.5 * functional.l1_loss(seen, real) + 0.5 * slopes


def _album(rng: Random, count: int) -> Tensor:
    """Pictures as bytes, made once: drawing is slower than a step on a crop."""
    kinds = [scenes.lone, scenes.lone, scenes.pair]
    wanted = [rng.choice(kinds)(rng) for _ in range(count)]
    return torch.cat([to_bytes(draw(wanted[k : k + 200])) for k in range(0, count, 200)])


def to_bytes(pictures: Tensor) -> Tensor:
    """From [-1, 1] to 0..255."""
    return pictures.mul(127.5).add(127.5).round().byte()


def _crops(rng: Random, album: Tensor) -> Tensor:
    crops = torch.empty(BATCH, 3, CROP, CROP)
    for k in range(BATCH):
        top, left = rng.randint(0, SIZE - CROP), rng.randint(0, SIZE - CROP)
        crops[k] = album[rng.randrange(len(album)), :, top : top + CROP, left : left + CROP]
        if rng.random() < 0.08:  # other colours too, so that pictures from outside survive
            crops[k] = crops[k, torch.randperm(3)] * rng.uniform(0.5, 1) + rng.uniform(0, 60)
    return (crops.clamp(0, 255) / 127.5 - 1).to(memory_format=torch.channels_last)


@torch.no_grad()
def _scaled(model: AutoencoderTiny, album: Tensor) -> AutoencoderTiny:
    pictures = album[:256].float() / 127.5 - 1
    latents = torch.cat([model.encode(part).latents for part in pictures.split(32)])
    model.register_to_config(
        scaling_factor=1 / latents.std().item(), shift_factor=latents.mean().item()
    )
    return model
