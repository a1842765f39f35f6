"""Second stage: the CLIP encoder learns what captions mean before any picture is drawn.

Its one vector per caption has to tell, through a linear layer that is thrown away, every
attribute of the scene. The transformer then learns from a clear signal: minutes, not hours.
Later the encoder is widened: more phrasings, the same vectors.
"""

import copy
from collections.abc import Callable
from random import Random

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from training.shapes import scenes
from training.shapes.captions import caption, standard, wider_caption
from training.shapes.drawing import COLOUR_NAMES, SHAPES, Scene
from training.shapes.optimisers import Optimisers
from training.shapes.schedule import Progress, Rate
from training.shapes.vocabulary import TEXT_LENGTH

WIDTH, LAYERS, BATCH = 128, 3, 160
LAYOUTS = [None, *scenes.SIDES, "row", "column"]
SIZES = [None, "small", "large"]
QUESTIONS = [len(COLOUR_NAMES), len(LAYOUTS), len(SIZES), 8, 6, 9, 7]
"""Answers to: background, layout, size; colour and shape of the first thing, then of the second."""


Lesson = Callable[[Random], tuple[list[str], Tensor]]
"""A batch of sentences, and the answers to each one's questions."""
Twins = Callable[[Random], tuple[list[str], list[str]]]
"""A batch of sentences, and for each the one whose vector it is to have."""


def train(tokenizer: CLIPTokenizer, *, steps: int, seed: int = 3) -> CLIPTextModel:
    """An encoder whose vectors tell the scenes apart."""

    def lesson(rng: Random) -> tuple[list[str], Tensor]:
        batch = [random_scene(rng) for _ in range(BATCH)]
        said = [caption(rng, scene) for scene in batch]
        return said, torch.tensor([answers(scene) for scene in batch])

    progress = Progress("text encoder", steps)
    encoder, _ = taught(tokenizer, lesson, QUESTIONS, progress, seed=seed)
    return encoder


def taught(
    tokenizer: CLIPTokenizer, lesson: Lesson, sizes: list[int], progress: Progress, *, seed: int
) -> tuple[CLIPTextModel, nn.Linear]:
    """An encoder from whose vectors a linear layer, the second, tells the answers."""
    torch.manual_seed(seed)
    rng = Random(seed)
    encoder = build(tokenizer)
    questions = nn.Linear(WIDTH, sum(sizes))
    both = nn.ModuleDict({"encoder": encoder, "questions": questions})
    rate = Rate(2e-3, progress.steps, flat=0.3)
    optimisers = Optimisers(both, rate, muon=lambda _: False)
    for step in range(progress.steps):
        said, right = lesson(rng)
        with torch.autocast("cpu", torch.bfloat16):
            vectors = pooled(encoder, tokenizer, said)
        replies = questions(vectors.float()).split(sizes, dim=1)
        loss = sum(
            (functional.cross_entropy(r, right[:, k]) for k, r in enumerate(replies)),
            torch.tensor(0.0),
        )
        optimisers.descend(loss, step)
        progress.add(step, loss.item())
    return encoder.eval().requires_grad_(False), questions


def widen(
    teacher: CLIPTextModel, tokenizer: CLIPTokenizer, *, steps: int, seed: int = 17
) -> CLIPTextModel:
    """A copy that gives any caption the vector its teacher gives the scene's standard caption."""

    def twins(rng: Random) -> tuple[list[str], list[str]]:
        batch = [random_scene(rng) for _ in range(BATCH - 1)]
        return ["", *(wider_caption(rng, s) for s in batch)], ["", *map(standard, batch)]

    return widened(teacher, tokenizer, twins, Progress("wider captions", steps), seed=seed)


def widened(
    teacher: CLIPTextModel, tokenizer: CLIPTokenizer, twins: Twins, progress: Progress, *, seed: int
) -> CLIPTextModel:
    """A copy that gives each sentence the vector its teacher gives the sentence's twin."""
    torch.manual_seed(seed)
    rng = Random(seed)
    student = copy.deepcopy(teacher).train().requires_grad_(True)
    optimisers = Optimisers(student, Rate(8e-4, progress.steps), muon=lambda _: False)
    for step in range(progress.steps):
        said, plain = twins(rng)
        with torch.autocast("cpu", torch.bfloat16):
            with torch.no_grad():
                wanted = pooled(teacher, tokenizer, plain).float()
            given = pooled(student, tokenizer, said).float()
        loss = functional.mse_loss(given, wanted)
        optimisers.descend(loss, step)
        progress.add(step, loss.item())
    return student.eval().requires_grad_(False)


def build(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """An untrained encoder for this tokenizer."""
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=2 * WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=4,
        max_position_embeddings=TEXT_LENGTH,
        projection_dim=WIDTH,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        attn_implementation="eager",
    )
    return CLIPTextModel(config)


def pooled(encoder: CLIPTextModel, tokenizer: CLIPTokenizer, captions: list[str]) -> Tensor:
    """One vector per caption: (captions, 128)."""
    tokens = tokenizer(
        captions, padding="longest", truncation=True, max_length=TEXT_LENGTH, return_tensors="pt"
    )
    return encoder(tokens.input_ids).pooler_output


def answers(scene: Scene) -> list[int]:
    """The right answers to QUESTIONS; things are told apart by place, not by order of mention."""
    things = [(thing.colour, thing.shape) for thing in scene.things]
    if len(things) == 1:
        layout, things = scene.side, [*things, (len(COLOUR_NAMES), len(SHAPES))]
    else:
        layout = "column" if scenes.is_column(scene) else "row"
    details = [LAYOUTS.index(layout), SIZES.index(scene.size)]
    return [scene.background, *details, *things[0], *things[1]]


def random_scene(rng: Random) -> Scene:
    """As many pairs as lone things: pairs are harder to understand."""
    return rng.choice([scenes.lone, scenes.pair])(rng)
