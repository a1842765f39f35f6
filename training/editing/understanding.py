"""First stage: the CLIP encoder learns what instructions mean before any picture is changed.

As in `training.shapes.text_encoder`: its one vector per sentence has to tell, through a linear layer
that is thrown away, what is to be done, to which thing, and what is to become of it. Then it is
widened: looser sentences, the same vectors. A last layer, which is kept, names the kind.
"""

from __future__ import annotations

import logging
import re
from random import Random
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from training.editing import wordings
from training.editing.changes import FOLLOWED, KINDS, SPOTS, Change, before, change
from training.editing.strewn import either, noise, plain
from training.editing.wordings import Said, dressed, instruction
from training.shapes.captions import caption, wider_caption
from training.shapes.drawing import COLOUR_NAMES, SHAPES
from training.shapes.scenes import is_column
from training.shapes.schedule import Progress
from training.shapes.text_encoder import WIDTH, pooled, taught, widened
from training.shapes.vocabulary import WORDS, clip_tokenizer

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import CLIPTextModel, CLIPTokenizer

log = logging.getLogger(__name__)

BATCH, WIDE_BATCH = 128, 95
MIX = [*FOLLOWED, *FOLLOWED, "describe", "describe", *KINDS]
"""How often wider wordings are about each kind."""

SORTING = 300
"""Steps of the layer that sorts, over all its sentences at once."""
PLACES = ["left", "right", "upper", "lower"]
COLOURS, FORMS = len(COLOUR_NAMES) + 1, len(SHAPES) + 1
QUESTIONS = [
    *(len(KINDS), COLOURS, FORMS, COLOURS, len(SPOTS) + 1),
    *(COLOURS, FORMS, len(PLACES) + 1),
    *(COLOURS, FORMS, 3),
]
"""Answers to: kind, new colour, shape, background, spot; colour, shape and place of the thing that
is meant, as far as they are said; of a description, the second thing and how the two stand."""


def tokenizer() -> CLIPTokenizer:
    """The words of captions, and those that instructions are made of: one token each."""
    sources = [*wordings.OPENINGS, *wordings.ENDINGS, *wordings.BIGGER, *wordings.SMALLER]
    sources += [text for texts in wordings.TAUGHT.values() for text in texts]
    sources += [text for texts in wordings.TOWARDS.values() for text in texts]
    said = set(re.findall(r"[a-z]{2,}", re.sub(r"{\w+}", " ", " ".join(sources))))
    more = {"one", "thing", "shape", "corner", "upper", "lower", "this", "them"}
    return clip_tokenizer(sorted({*WORDS, *said, *more}))


def train(words: CLIPTokenizer, *, steps: int, seed: int = 23) -> CLIPTextModel:
    """An encoder whose vectors tell instructions apart."""

    def lesson(rng: Random) -> tuple[list[str], Tensor]:
        asked = [change(rng, rng.choice(KINDS), held_out=False) for _ in range(BATCH)]
        said = [instruction(rng, one, examined=False) for one in asked]
        right = [answers(*pair) for pair in zip(asked, said, strict=True)]
        return [one.text for one in said], torch.tensor(right)

    progress = Progress("understanding", steps)
    encoder, questions = taught(words, lesson, QUESTIONS, progress, seed=seed)
    log.info("understood of held-out sentences: %s", examine(encoder, questions, words))
    return encoder


def widen(
    teacher: CLIPTextModel, words: CLIPTokenizer, *, steps: int, seed: int = 17
) -> CLIPTextModel:
    """A copy that gives any instruction the vector its teacher gives the plain one."""

    def twins(rng: Random) -> tuple[list[str], list[str]]:
        asked = [change(rng, rng.choice(MIX), held_out=False) for _ in range(WIDE_BATCH)]
        said = [either(rng, one) for one in asked]
        wanted = [plain(rng, a, s.which) for a, s in zip(asked, said, strict=True)]
        return ["", *(one.text for one in said)], ["", *wanted]

    return widened(teacher, words, twins, Progress("wider wordings", steps), seed=seed)


def sorted_by_kind(
    encoder: CLIPTextModel, words: CLIPTokenizer, *, sentences: int, seed: int = 31
) -> nn.Linear:
    """A layer that tells from a sentence's vector which of KINDS it asks for.

    Descriptions here may leave the background out, as the captions of `pilotlight/shapes` do; and
    what asks for nothing counts as one.
    """
    torch.manual_seed(seed)
    rng = Random(seed)
    kinds = [rng.choice([*KINDS, "describe", "describe"]) for _ in range(sentences)]
    said = [_sentence(rng, kind) for kind in kinds]
    with torch.no_grad():
        vectors = torch.cat(
            [pooled(encoder, words, said[at : at + BATCH]) for at in range(0, sentences, BATCH)]
        ).float()
    right = torch.tensor([KINDS.index(kind) for kind in kinds])
    layer = nn.Linear(WIDTH, len(KINDS))
    descent = torch.optim.AdamW(layer.parameters(), lr=2e-2)
    for _ in range(SORTING):
        descent.zero_grad()
        functional.cross_entropy(layer(vectors), right).backward()
        descent.step()
    return layer.requires_grad_(False)


def _sentence(rng: Random, kind: str) -> str:
    if kind != "describe":
        return either(rng, change(rng, kind, held_out=False)).text
    way = rng.random()
    if way < 0.5:
        return rng.choice([caption, wider_caption])(rng, before(rng))
    if way < 0.65:
        return _bare(rng)
    return noise(rng, 5) if way < 0.8 else either(rng, change(rng, kind, held_out=False)).text


def _bare(rng: Random) -> str:
    """No more than a thing, or a colour."""
    colour, shape = rng.choice(COLOUR_NAMES), rng.choice(SHAPES)
    said = [f"a {colour} {shape}", f"{colour} {shape}", f"a {shape}", shape, colour]
    return dressed(rng, rng.choice(said))


@torch.no_grad()
def examine(encoder: CLIPTextModel, questions: nn.Linear, words: CLIPTokenizer) -> str:
    """Shares of held-out sentences that are understood, by kind."""
    rng, shares = Random(99), {}
    for kind in KINDS:
        asked = [change(rng, kind, held_out=True) for _ in range(60)]
        said = [instruction(rng, one, examined=True) for one in asked]
        replies = questions(pooled(encoder, words, [one.text for one in said])).split(QUESTIONS, 1)
        told = torch.stack([reply.argmax(1) for reply in replies], 1)
        right = (told == torch.tensor([answers(*p) for p in zip(asked, said, strict=True)])).all(1)
        shares[kind] = round(right.float().mean().item(), 2)
    return str(shares)


def answers(asked: Change, said: Said) -> list[int]:
    """The right answers to QUESTIONS; the last of each stands for "not said"."""
    kind, spots = KINDS.index(asked.kind), list(SPOTS)
    spot = len(spots) if asked.spot is None else spots.index(asked.spot)
    if asked.kind == "describe":
        first, *more = asked.after.things
        layout = 2 if not more else int(is_column(asked.after))
        second = (more[0].colour, more[0].shape) if more else (COLOURS - 1, FORMS - 1)
        facts = [first.colour, first.shape, asked.after.background, spot]
        return [kind, *facts, COLOURS - 1, FORMS - 1, len(PLACES), *second, layout]
    wishes = [_or_none(asked.colour, COLOURS), _or_none(asked.shape, FORMS)]
    wishes.append(_or_none(asked.ground, COLOURS))
    lists = (COLOUR_NAMES, SHAPES, PLACES)
    return [
        kind,
        *wishes,
        spot,
        *(_named(said.which, one) for one in lists),
        COLOURS - 1,
        FORMS - 1,
        2,
    ]


def _or_none(value: int | None, count: int) -> int:
    return count - 1 if value is None else value


def _named(text: str, names: list[str]) -> int:
    found = [number for number, name in enumerate(names) if name in text.split()]
    return found[0] if found else len(names)
