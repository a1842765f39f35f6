"""A pool of pictures as latents, each with its caption's vector: what the transformer learns from.

Encoding costs more than a training step can wait for, so pictures are encoded ahead and a part of
the pool is replaced all along.
"""

from collections.abc import Callable
from random import Random

import torch
from diffusers import AutoencoderTiny
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from training.shapes import scenes
from training.shapes.autoencoder import CHANNELS, SCALE
from training.shapes.captions import caption
from training.shapes.drawing import SIZE, Scene, draw
from training.shapes.text_encoder import pooled

GRID = SIZE // SCALE
TOKENS = (GRID // 2) ** 2
"""Latents along each side, and picture tokens of the transformer: four latents make a token."""

PART = 64
"""Pictures encoded at a time."""


class Pool:
    """Latents (rows, 36, 32) and vectors (rows, 128); the rows from `lone_rows` on are pairs."""

    def __init__(
        self,
        vae: AutoencoderTiny,
        encoder: CLIPTextModel,
        tokenizer: CLIPTokenizer,
        *,
        rows: int,
        pairs: float,
        rng: Random,
        say: Callable[[Random, Scene], str] = caption,
    ) -> None:
        self.vae, self.encoder, self.tokenizer, self.rng = vae, encoder, tokenizer, rng
        self.say = say
        self.rows = rows
        self.lone_rows = round(rows * (1 - pairs) / PART) * PART
        kinds = [scenes.lone if k < self.lone_rows else scenes.pair for k in range(0, rows, PART)]
        made = [self._make(kind, PART) for kind in kinds]
        self.latents, self.vectors = (torch.cat(parts) for parts in zip(*made, strict=True))
        with torch.no_grad():
            self.blank = pooled(encoder, tokenizer, [""])

    def batch(self, count: int) -> tuple[Tensor, Tensor]:
        """Random rows; one caption in twenty is withheld, so that guidance is possible."""
        rows = torch.randint(0, self.rows, (count,))
        vectors = self.vectors[rows]
        vectors[torch.rand(count) < 0.05] = self.blank
        return self.latents[rows], vectors

    def refresh(self, count: int = 40) -> None:
        """Replace some rows by new pictures of their kind."""
        lone = self.rng.random() < self.lone_rows / self.rows
        low, high = (0, self.lone_rows) if lone else (self.lone_rows, self.rows)
        rows = torch.randint(low, high, (count,))
        self.latents[rows], self.vectors[rows] = self._make(
            scenes.lone if lone else scenes.pair, count
        )

    @torch.no_grad()
    def _make(self, kind: Callable[[Random], Scene], count: int) -> tuple[Tensor, Tensor]:
        batch = [kind(self.rng) for _ in range(count)]
        vectors = pooled(self.encoder, self.tokenizer, [self.say(self.rng, s) for s in batch])
        return pack(encode(self.vae, draw(batch))), vectors


@torch.no_grad()
def encode(vae: AutoencoderTiny, pictures: Tensor) -> Tensor:
    """Latents of mean 0 and deviation 1, as the transformer sees them: (n, 8, 12, 12)."""
    with torch.autocast("cpu", torch.bfloat16):
        latents = vae.encoder(pictures.to(memory_format=torch.channels_last)).float()
    return (latents - vae.config.shift_factor) * vae.config.scaling_factor


def pack(latents: Tensor) -> Tensor:
    """Latents as tokens, four neighbours in each: (n, 36, 32)."""
    half = GRID // 2
    squares = latents.reshape(-1, CHANNELS, half, 2, half, 2)
    return squares.permute(0, 2, 4, 1, 3, 5).reshape(-1, TOKENS, 4 * CHANNELS)


def unpack(tokens: Tensor) -> Tensor:
    """Tokens as latents: (n, 8, 12, 12)."""
    half = GRID // 2
    squares = tokens.reshape(-1, half, half, CHANNELS, 2, 2)
    return squares.permute(0, 3, 1, 4, 2, 5).reshape(-1, CHANNELS, GRID, GRID)


def places() -> Tensor:
    """Row and column of every token, as the transformer's positions: (36, 3)."""
    ids = torch.zeros(GRID // 2, GRID // 2, 3)
    ids[..., 1] += torch.arange(GRID // 2)[:, None]
    ids[..., 2] += torch.arange(GRID // 2)
    return ids.reshape(TOKENS, 3)
