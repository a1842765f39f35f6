"""A picture and what becomes of it by several changes, as latents: what the transformer learns from.

A family is one picture and its edited versions. Most changes can be asked for in both directions, so
that eleven pictures, each encoded once, make about sixteen pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

import torch

from training.editing.changes import FOLLOWED, Change, attempt, before, reversed_change
from training.editing.strewn import either
from training.shapes.drawing import COLOURS, SIZE, Scene, coverage
from training.shapes.latents import encode, pack
from training.shapes.text_encoder import pooled

if TYPE_CHECKING:
    from diffusers import AutoencoderTiny
    from torch import Tensor
    from transformers import CLIPTextModel, CLIPTokenizer

PART = 32
"""Families drawn and encoded at a time."""

MEMBERS = (*FOLLOWED, "colour", "shape", "remove")
"""The changes that are tried in each family."""

WEIGHTS = {"shape": 2.0, "both": 2.0, "bigger": 1.2, "smaller": 1.2}
"""How often a kind is met, where others are met once: these make borders where there were none."""

TINTED, TINT = 0.3, 16
"""Share of the families whose colours are a little off, and how far off, of 255."""

PLAIN = torch.tensor(list(COLOURS.values())).float()


@dataclass
class Family:
    """Scenes, the first of them before all changes; and pairs of places in that list."""

    scenes: list[Scene]
    pairs: list[tuple[int, int, Change]]
    inks: Tensor
    """The colours that the drawings are made with: (8, 3), of 255."""


def family(rng: Random) -> Family:
    """One picture and what becomes of it; nothing of it is held out."""
    first, inks, tinted = before(rng), PLAIN.clone(), rng.random() < TINTED
    made = Family([first], [], inks)
    for kind in MEMBERS:
        asked = attempt(rng, kind, first)
        if asked is None:
            continue
        made.scenes.append(asked.after)
        place = len(made.scenes) - 1
        back = None if tinted else reversed_change(asked)
        ways = [(0, place, asked), *([] if back is None else [(place, 0, back)])]
        made.pairs += [way for way in ways if not way[2].held_out]
    if tinted:  # colours that are asked for stay the model's own
        shades = torch.tensor([[rng.uniform(-TINT, TINT) for _ in range(3)] for _ in COLOURS])
        own = sorted({first.background, *(thing.colour for thing in first.things)})
        inks[own] = (inks[own] + shades[own]).clamp(0, 255)
    return made


class Families:
    """Tokens (pictures, 36, 32); pairs of rows of them, and an instruction's vector for each."""

    def __init__(
        self,
        vae: AutoencoderTiny,
        encoder: CLIPTextModel,
        words: CLIPTokenizer,
        *,
        count: int,
        seed: int,
    ) -> None:
        rng, asked = Random(seed), list[Change]()
        tokens, rows = list[torch.Tensor](), list[tuple[int, int]]()
        offset = 0
        for _ in range(0, count, PART):
            scenes, inks = list[Scene](), list[torch.Tensor]()
            for one in (family(rng) for _ in range(PART)):
                at = offset + len(scenes)
                rows += [(at + before, at + after) for before, after, _ in one.pairs]
                asked += [change for _, _, change in one.pairs]
                scenes += one.scenes
                inks += [one.inks] * len(one.scenes)
            offset += len(scenes)
            tokens.append(pack(encode(vae, paint(scenes, torch.stack(inks) / 127.5 - 1))).half())
        self.tokens, self.rows = torch.cat(tokens), torch.tensor(rows)
        self.vectors = _vectors(encoder, words, rng, asked)
        self.weights = _weights([one.kind for one in asked])

    def batch(self, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """Random pairs: tokens before, tokens after, the instruction."""
        drawn = torch.multinomial(self.weights, count, replacement=True)
        before, after = self.rows[drawn].T
        return self.tokens[before].float(), self.tokens[after].float(), self.vectors[drawn]


@torch.no_grad()
def _vectors(
    encoder: CLIPTextModel, words: CLIPTokenizer, rng: Random, asked: list[Change]
) -> Tensor:
    said = [either(rng, one).text for one in asked]
    order = sorted(range(len(said)), key=lambda row: len(said[row]))  # alike lengths together
    vectors = torch.empty(len(said), encoder.config.hidden_size)
    for start in range(0, len(order), 128):
        rows = order[start : start + 128]
        vectors[rows] = pooled(encoder, words, [said[row] for row in rows]).float()
    return vectors


def _weights(kinds: list[str]) -> Tensor:
    """So that each kind is met as often as its weight says, however many pairs it has."""
    counts = {kind: kinds.count(kind) for kind in FOLLOWED}
    return torch.tensor([WEIGHTS.get(kind, 1.0) / counts[kind] for kind in kinds])


def paint(scenes: list[Scene], inks: Tensor) -> Tensor:
    """Each scene in its own inks (scenes, 8, 3) in [-1, 1]; a scene may be empty."""
    grounds = inks[torch.arange(len(scenes)), [scene.background for scene in scenes]]
    pictures = grounds[:, :, None, None].expand(-1, -1, SIZE, SIZE).clone()
    for layer in range(max(len(scene.things) for scene in scenes)):
        rows = [row for row, scene in enumerate(scenes) if len(scene.things) > layer]
        things = [scenes[row].things[layer] for row in rows]
        cover = coverage(things)
        ink = inks[rows, [thing.colour for thing in things]][:, :, None, None]
        pictures[rows] = ink * cover + pictures[rows] * (1 - cover)
    return pictures
