"""Last stage: the decoder learns from latents as the transformer really makes them.

The latent space stays the same. Half of the latents are cleared of noise by the transformer, the
target is the picture they were made of: where the transformer leaves a border crooked, the
decoder learns to draw it straight.
"""

from random import Random

import torch
from diffusers import AutoencoderTiny, FluxPipeline
from torch import Tensor
from torch.nn import functional

from training.shapes import scenes
from training.shapes.autoencoder import SCALE, to_bytes
from training.shapes.captions import caption
from training.shapes.drawing import draw
from training.shapes.latents import GRID, PART, encode, pack, places, unpack
from training.shapes.optimisers import Optimisers
from training.shapes.schedule import Progress, Rate

CUT, BATCH, PEAK = 6, 28, 1e-3
"""Latents along a side of a training crop; a crop is 48 pixels wide."""

NOISE = 0.1
CLEARING_STEPS = 3


def sharpen(
    pipe: FluxPipeline, *, steps: int, pictures: int = 2048, seed: int = 9
) -> AutoencoderTiny:
    """The pipeline's autoencoder with a better decoder; its encoder is untouched."""
    torch.manual_seed(seed)
    rng = Random(seed)
    vae = pipe.vae.to(memory_format=torch.channels_last)
    vae.requires_grad_(False).decoder.requires_grad_(True)
    album = [_made(pipe, rng) for _ in range(max(1, pictures // PART))]
    targets, clean, cleared = (torch.cat(parts) for parts in zip(*album, strict=True))
    optimisers = Optimisers(vae.decoder, Rate(PEAK, steps), muon=lambda _: True)
    progress = Progress("decoder", steps)
    for step in range(steps):
        latents, real, counts = _crops(rng, targets, clean, cleared)
        latents += NOISE * torch.rand(BATCH, 1, 1, 1) * torch.randn_like(latents)
        with torch.autocast("cpu", torch.bfloat16):
            seen = vae.decoder(latents.to(memory_format=torch.channels_last)).float()
        loss = sharpness(seen * counts, real * counts)
        optimisers.descend(loss, step)
        progress.add(step, loss.item())
    return vae.requires_grad_(False).eval()


def sharpness(seen: Tensor, real: Tensor) -> Tensor:
    """Absolute differences of pixels and of slopes: a sharp border beats a blurred average."""
    slopes = sum(functional.l1_loss(seen.diff(dim=d), real.diff(dim=d)) for d in (-1, -2))
    return functional.mse_loss(seen, real) + functional.l1_loss(seen, real) + slopes


@torch.no_grad()
def _made(pipe: FluxPipeline, rng: Random) -> tuple[Tensor, Tensor, Tensor]:
    """Pictures as bytes, their latents, and the latents after noising and clearing."""
    kinds = [scenes.lone, scenes.pair]
    batch = [rng.choice(kinds)(rng) for _ in range(PART)]
    said = [caption(rng, scene) for scene in batch]
    pictures = draw(batch)
    latents = encode(pipe.vae, pictures)
    level = rng.uniform(0.2, 0.6)  # needs the transformer, yet keeps the place of things
    noisy = (1 - level) * pack(latents) + level * torch.randn(PART, GRID * GRID // 4, 32)
    cleared = unpack(_clear(pipe, noisy, level, said))
    deviation, mean = 1 / pipe.vae.config.scaling_factor, pipe.vae.config.shift_factor
    return to_bytes(pictures), latents * deviation + mean, cleared * deviation + mean


def _clear(pipe: FluxPipeline, tokens: Tensor, level: float, said: list[str]) -> Tensor:
    words, vectors, text_ids = pipe.encode_prompt(said, [""] * len(said), max_sequence_length=8)
    image_ids = places()
    for k in range(CLEARING_STEPS):
        now = torch.full((len(tokens),), level * (1 - k / CLEARING_STEPS))
        with torch.autocast("cpu", torch.bfloat16):
            velocity = pipe.transformer(
                hidden_states=tokens,
                timestep=now,
                guidance=None,
                pooled_projections=vectors,
                encoder_hidden_states=words,
                txt_ids=text_ids,
                img_ids=image_ids,
                return_dict=False,
            )[0].float()
        tokens = tokens - velocity * level / CLEARING_STEPS
    return tokens


def _crops(
    rng: Random, targets: Tensor, clean: Tensor, cleared: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Crops of latents and pictures, and which pixels count.

    Cut sides lack their neighbours and do not count; the sides of the whole picture do.
    """
    latents = torch.empty(BATCH, clean.shape[1], CUT, CUT)
    real = torch.empty(BATCH, 3, SCALE * CUT, SCALE * CUT)
    counts = torch.zeros(BATCH, 1, SCALE * CUT, SCALE * CUT)
    last = GRID - CUT
    for k in range(BATCH):
        row = rng.randrange(len(targets))
        top, left = (min(max(rng.randint(-2, last + 2), 0), last) for _ in range(2))
        source = clean if rng.random() < 0.4 else cleared
        latents[k] = source[row, :, top : top + CUT, left : left + CUT]
        y, x, wide = SCALE * top, SCALE * left, SCALE * CUT
        real[k] = targets[row, :, y : y + wide, x : x + wide].float() / 127.5 - 1
        down, across = _kept(top, last), _kept(left, last)
        counts[k, :, down, across] = 1
    return latents, real, counts


def _kept(start: int, last: int) -> slice:
    """The pixels that count along one side of a crop."""
    wide = SCALE * CUT
    return slice(4 if start > 0 else 0, wide - 4 if start < last else wide)
