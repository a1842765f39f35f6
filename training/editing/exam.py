"""Sentences and combinations that were never trained on, asked of a model in training."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import torch
from PIL import Image

from training.editing.changes import FOLLOWED, Change, change
from training.editing.families import PLAIN, paint
from training.editing.flow import changed
from training.editing.judging import Verdict, judge
from training.editing.wordings import instruction
from training.shapes.latents import encode, pack, unpack
from training.shapes.text_encoder import pooled

if TYPE_CHECKING:
    from diffusers import AutoencoderTiny, FluxTransformer2DModel
    from torch import Tensor
    from transformers import CLIPTextModel, CLIPTokenizer

Verdicts = dict[str, list[Verdict]]


def questions(each: int, seed: int = 77) -> list[tuple[Change, str, Image.Image, Image.Image]]:
    """``each`` of every kind: the change, its instruction, the true pictures before and after."""
    rng = Random(seed)
    asked = [change(rng, kind, held_out=True) for kind in FOLLOWED for _ in range(each)]
    said = [instruction(rng, one, examined=True).text for one in asked]
    scenes = [one.before for one in asked] + [one.after for one in asked]
    inks = (PLAIN / 127.5 - 1).repeat(len(scenes), 1, 1)
    pictures = [image(one) for one in paint(scenes, inks)]
    return list(zip(asked, said, pictures, pictures[len(asked) :], strict=False))


def image(pixels: Tensor) -> Image.Image:
    """From [-1, 1]."""
    given = ((pixels.clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
    return Image.fromarray(given)


def marks(verdicts: Verdicts) -> dict[str, float]:
    """Shares that are right in both respects, by kind, and over all."""
    both = {
        kind: sum(one.asked and one.kept for one in some) / len(some)
        for kind, some in verdicts.items()
    }
    return {
        kind: round(one, 2) for kind, one in {**both, "ALL": sum(both.values()) / len(both)}.items()
    }


class Exam:
    """Many at a time: quick enough to look at while training goes on."""

    def __init__(
        self,
        encoder: CLIPTextModel,
        words: CLIPTokenizer,
        vae: AutoencoderTiny,
        *,
        each: int = 12,
    ) -> None:
        self.vae = vae
        self.asked = questions(each)
        with torch.no_grad():
            self.vectors = pooled(encoder, words, [said for _, said, _, _ in self.asked])
        tokens = [torch.tensor(list(before.tobytes())) for _, _, before, _ in self.asked]
        pictures = torch.stack(tokens).view(-1, 96, 96, 3).permute(0, 3, 1, 2) / 127.5 - 1
        self.before = pack(encode(vae, pictures))

    @torch.no_grad()
    def take(self, model: FluxTransformer2DModel) -> Verdicts:
        """All questions."""
        config, found = self.vae.config, dict[str, list[Verdict]]()
        after = changed(model, self.before, self.vectors, seed=0)
        latents = unpack(after) / config.scaling_factor + config.shift_factor
        made = torch.cat([self.vae.decode(part).sample for part in latents.split(32)])
        for (asked, _, _, true), pixels in zip(self.asked, made, strict=True):
            found.setdefault(asked.kind, []).append(judge(asked, true, image(pixels)))
        return found
