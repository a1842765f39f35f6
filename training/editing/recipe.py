"""The stages in order, each kept on disk so that a stopped run goes on where it was."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import torch
from diffusers import AutoencoderTiny, FluxTransformer2DModel
from safetensors.torch import save_file
from transformers import CLIPTextModel, CLIPTokenizer

from training.editing import understanding
from training.editing.changes import KINDS
from training.editing.exam import Exam, marks
from training.editing.families import Families
from training.editing.flow import Trainer
from training.shapes.schedule import Rate
from workers.engines.diffusers.instructed import KINDS_FILE, LISTED

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

SHAPES = Path(__file__).parents[2] / "workers" / "starters" / "shapes"
"""Where the transformer begins, and the autoencoder that it shares."""

P = TypeVar("P", CLIPTextModel, FluxTransformer2DModel)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """Steps of the stages, families of pictures, sentences for the layer that sorts."""

    understanding: int = 1600
    widening: int = 450
    flow: int = 9000
    families: int = 5120
    sentences: int = 6400
    look_every: int = 1000


QUICK = Plan(6, 6, 6, families=64, sentences=128, look_every=3)
"""Far too short to change anything; proves that the recipe runs."""


@dataclass(frozen=True)
class Recipe:
    """One run of the recipe into one folder."""

    out: Path
    plan: Plan
    compiled: bool = False

    def __call__(self) -> None:
        """Train what is missing and write the model."""
        plan, words = self.plan, understanding.tokenizer()
        narrow = self._stage(
            "understanding",
            CLIPTextModel,
            lambda: understanding.train(words, steps=plan.understanding),
        )
        encoder = self._stage(
            "wider",
            CLIPTextModel,
            lambda: understanding.widen(narrow, words, steps=plan.widening),
        )
        flow = self._stage("flow", FluxTransformer2DModel, lambda: self._flow(encoder, words))
        layer = understanding.sorted_by_kind(encoder, words, sentences=plan.sentences)
        write(self.out, encoder, words, flow, layer)

    def _flow(self, encoder: CLIPTextModel, words: CLIPTokenizer) -> FluxTransformer2DModel:
        plan, latest = self.plan, self.out / "stages" / "latest"
        vae = AutoencoderTiny.from_pretrained(SHAPES / "vae", dtype=torch.float32)
        vae = vae.to(memory_format=torch.channels_last).eval().requires_grad_(False)
        exam = Exam(encoder, words, vae)

        def look(step: int, model: FluxTransformer2DModel) -> None:
            log.info("after %d steps, asked and kept: %s", step, marks(exam.take(model)))
            model.save_pretrained(latest)

        families = Families(vae, encoder, words, count=plan.families, seed=1)
        begun = FluxTransformer2DModel.from_pretrained(SHAPES / "transformer", dtype=torch.float32)
        trainer = Trainer(begun, families, seed=1, compiled=self.compiled)
        return trainer.run(Rate(1.5e-3, plan.flow, flat=0.7), every=plan.look_every, look=look)

    def _stage(self, name: str, kind: type[P], train: Callable[[], P]) -> P:
        folder = self.out / "stages" / name
        if not folder.exists():
            log.info("stage %s", name)
            train().save_pretrained(folder)
        made: P = kind.from_pretrained(folder, dtype=torch.float32)
        return made.eval().requires_grad_(False)


def write(
    out: Path,
    encoder: CLIPTextModel,
    words: CLIPTokenizer,
    transformer: FluxTransformer2DModel,
    layer: nn.Linear,
) -> None:
    """Save in bfloat16: half the size, and no picture looks different."""
    encoder.to(torch.bfloat16).save_pretrained(out / "text_encoder")
    transformer.to(torch.bfloat16).save_pretrained(out / "transformer")
    words.save_pretrained(out / "tokenizer")
    halves = {name: one.bfloat16().contiguous() for name, one in layer.state_dict().items()}
    save_file(halves, out / KINDS_FILE, {LISTED: json.dumps(KINDS)})
    for file in out.glob("*/config.json"):
        config = json.loads(file.read_text())
        config.pop("_name_or_path", None)  # where the part lay on this machine
        file.write_text(json.dumps(config, indent=2) + "\n")
