"""Second stage: text encoder and transformer learn together, by flow matching on latents.

The latents of the first frame are given clean for half of the steps, as image to video has them;
the other half keeps the sentence in force.
"""

import copy
from random import Random

import torch
from diffusers import AutoencoderKLLTXVideo, LTXVideoTransformer3DModel
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import T5EncoderModel

from training.shapes.optimisers import Optimisers
from training.shapes.schedule import Progress, Rate
from training.shapes_video import parts
from training.shapes_video.clips import HELD_OUT, RATE, Scene, caption, clips, scenes

BATCH, PEAK, GIVEN, SILENT = 48, 1.5e-3, 0.5, 0.1
"""Clips a step, highest rate, share of steps with a first frame, of clips without a sentence."""
LENGTHS = [20, 24, 32, 20, 24, 32, 20, 24, 32, 128]
"""Tokens, padding included: the encoder sees it, so its amount must not matter."""
GRID = (3, 4, 4)
"""Latents along time, down and across."""


class Artist(nn.Module):
    """Both parts, so that one optimiser and one running average hold them."""

    def __init__(self) -> None:
        super().__init__()
        self.words = parts.tokenizer()
        self.encoder: T5EncoderModel = parts.text_encoder(len(self.words))
        self.net: LTXVideoTransformer3DModel = parts.transformer()

    def forward(self, noisy: Tensor, levels: Tensor, said: list[str], length: int) -> Tensor:
        """The velocity of (n, 48, channels); ``levels`` (n, 48) are 0 where nothing is noise."""
        told = self.words(
            said, padding="max_length", max_length=length, truncation=True, return_tensors="pt"
        )
        with torch.autocast("cpu", torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
            made: Tensor = self.net(
                hidden_states=noisy,
                encoder_hidden_states=self.encoder(told.input_ids)[0],
                timestep=levels * 1000,
                encoder_attention_mask=told.attention_mask.bool(),
                num_frames=GRID[0],
                height=GRID[1],
                width=GRID[2],
                rope_interpolation_scale=(4 / RATE, 16, 16),
                return_dict=False,
            )[0]
        return made.float()


def train(
    vae: AutoencoderKLLTXVideo, *, steps: int, pool: int, seed: int = 1
) -> tuple[T5EncoderModel, LTXVideoTransformer3DModel]:
    """The running averages, which are what ships."""
    torch.manual_seed(seed)
    rng = Random(seed)
    shown, latents = _pool(vae, rng, pool)
    artist = Artist()
    average = copy.deepcopy(artist).eval()
    optimisers = Optimisers(artist, Rate(PEAK, steps), muon=_is_inner)
    progress = Progress("flow", steps)
    for step in range(steps):
        chosen = [rng.randrange(pool) for _ in range(BATCH)]
        clean = latents[chosen]
        said = ["" if rng.random() < SILENT else caption(shown[k], rng) for k in chosen]
        made = (torch.arange(clean.shape[1]) >= GRID[1] * GRID[2]).float()
        made = made if rng.random() < GIVEN else torch.ones_like(made)
        levels = _levels()[:, None] * made
        noise = torch.randn_like(clean)
        noisy = clean + levels[..., None] * (noise - clean)
        velocity = artist(noisy, levels, said, rng.choice(LENGTHS))
        error = (velocity - (noise - clean)).square().mean(2) * made
        loss = error.sum() / (made.sum() * BATCH)
        with sdpa_kernel(SDPBackend.MATH):  # fused attention is slow for so few tokens
            optimisers.descend(loss, step)
        _follow(average, artist, step)
        progress.add(step, loss.item())
    return average.encoder, average.net


def _levels() -> Tensor:
    """Shares of noise: mostly middling, some of every kind."""
    middling = torch.sigmoid(torch.randn(BATCH) * 1.2 + 0.3)
    return torch.where(torch.rand(BATCH) < 0.15, torch.rand(BATCH), middling)


def _is_inner(name: str) -> bool:
    outer = ("embed", "relative", "table", "proj_in", "proj_out", "shared")
    return "block" in name and not any(part in name for part in outer)


@torch.no_grad()
def _pool(vae: AutoencoderKLLTXVideo, rng: Random, count: int) -> tuple[list[Scene], Tensor]:
    known = scenes()[HELD_OUT:]
    shown = [known[k % len(known)] for k in range(count)]
    mean, deviation = (part.view(1, -1, 1, 1, 1) for part in (vae.latents_mean, vae.latents_std))
    made = []
    for k in range(0, count, 16):
        told = vae.encode(clips(rng, shown[k : k + 16])).latent_dist.mode()
        made.append(((told - mean) / deviation).flatten(2).transpose(1, 2))
    return shown, torch.cat(made)


@torch.no_grad()
def _follow(average: Artist, artist: Artist, step: int) -> None:
    keep = min(0.998, (1 + step) / (10 + step))
    pairs = list(zip(average.parameters(), artist.parameters(), strict=True))
    torch._foreach_lerp_([a for a, _ in pairs], [b for _, b in pairs], 1 - keep)
