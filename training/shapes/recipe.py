"""The stages in order, each kept on disk so that a stopped run goes on where it was."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import ClassVar, Self, TypeVar

from diffusers import AutoencoderTiny, FluxTransformer2DModel
from transformers import CLIPTextModel

from training.shapes import autoencoder, decoder, pipeline, text_encoder
from training.shapes.captions import caption, wider_caption
from training.shapes.drawing import Scene
from training.shapes.latents import Pool
from training.shapes.schedule import Rate
from training.shapes.transformer import Trainer, build
from training.shapes.vocabulary import clip_tokenizer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """Steps of every stage, and how many pictures the pools hold."""

    autoencoder: int = 3400
    text_encoder: int = 1300
    transformer: int = 8600
    widening: int = 900
    polish: int = 250
    decoder: int = 1500
    pictures: int = 4000
    """Drawn for the autoencoder."""
    pool: int = 12288
    """Latents for the transformer; a quarter of that for polishing."""
    cleared: int = 2048
    """Latents that the transformer makes for the decoder."""

    MINUTES: ClassVar = 40.0
    """What the plan takes on one processor core, roughly."""

    @classmethod
    def lasting(cls, minutes: float) -> Self:
        """The same plan with every stage longer or shorter; the time is an estimate, the steps fixed."""
        plan = cls()
        steps = ["autoencoder", "text_encoder", "transformer", "widening", "polish", "decoder"]
        share = minutes / cls.MINUTES
        return replace(plan, **{name: max(1, round(getattr(plan, name) * share)) for name in steps})


QUICK = Plan(12, 12, 24, 6, 8, 8, pictures=128, pool=256, cleared=64)
"""Far too short to draw anything; proves that the recipe runs."""

STAGES = "stages"
"""Folder of the kept parts, in float32, inside the model's; a finished model does not need it."""

Say = Callable[[Random, Scene], str]
P = TypeVar("P", AutoencoderTiny, CLIPTextModel, FluxTransformer2DModel)


@dataclass(frozen=True)
class Recipe:
    """One run of the recipe into one folder."""

    out: Path
    plan: Plan
    compiled: bool = False

    def __call__(self) -> None:
        """Train what is missing and write the model."""
        plan, words = self.plan, clip_tokenizer()
        vae = self._stage(
            "autoencoder",
            AutoencoderTiny.from_pretrained,
            lambda: autoencoder.train(steps=plan.autoencoder, pictures=plan.pictures),
        )
        encoder = self._stage(
            "text_encoder",
            CLIPTextModel.from_pretrained,
            lambda: text_encoder.train(words, steps=plan.text_encoder),
        )
        transformer = self._stage(
            "transformer",
            FluxTransformer2DModel.from_pretrained,
            lambda: self._flow(vae, encoder),
        )
        wider = self._stage(
            "wider_text_encoder",
            CLIPTextModel.from_pretrained,
            lambda: text_encoder.widen(encoder, words, steps=plan.widening),
        )
        polished = self._stage(
            "polished_transformer",
            FluxTransformer2DModel.from_pretrained,
            lambda: self._polish(vae, wider, transformer),
        )
        pipe = pipeline.assemble(vae, wider, polished, words)
        pipe.vae = decoder.sharpen(pipe, steps=plan.decoder, pictures=plan.cleared)
        pipeline.write(pipe, self.out)

    def _flow(self, vae: AutoencoderTiny, encoder: CLIPTextModel) -> FluxTransformer2DModel:
        pool = self._pool(vae, encoder, caption, rows=self.plan.pool, pairs=0.42, seed=1)
        trainer = Trainer(build(), pool, seed=1, compiled=self.compiled)
        return trainer.run("transformer", Rate(1.5e-3, self.plan.transformer, flat=0.3))

    def _polish(
        self, vae: AutoencoderTiny, encoder: CLIPTextModel, transformer: FluxTransformer2DModel
    ) -> FluxTransformer2DModel:
        rows = self.plan.pool // 4
        pool = self._pool(vae, encoder, wider_caption, rows=rows, pairs=0.5, seed=2)
        trainer = Trainer(transformer, pool, seed=2, compiled=False)  # too short to pay for it
        return trainer.run("polish", Rate(4e-4, self.plan.polish), polish=True)

    def _pool(
        self,
        vae: AutoencoderTiny,
        encoder: CLIPTextModel,
        say: Say,
        *,
        rows: int,
        pairs: float,
        seed: int,
    ) -> Pool:
        words, rng = clip_tokenizer(), Random(seed)
        return Pool(vae, encoder, words, rows=rows, pairs=pairs, rng=rng, say=say)

    def _stage(self, name: str, read: Callable[[Path], P], train: Callable[[], P]) -> P:
        folder = self.out / STAGES / name
        if not folder.exists():
            log.info("stage %s", name)
            train().save_pretrained(folder)
        return read(folder).eval().requires_grad_(False)
