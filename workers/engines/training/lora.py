"""Teaches a FLUX-shaped model one thing more: a low-rank adaptation, trained by flow matching.

Transformer and text encoder learn together from the examples; what they make of other captions
is held to what they made before, so that nothing is unlearned (prior preservation as in
DreamBooth, https://arxiv.org/abs/2208.12242, with the model as its own teacher).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from workers.engines.diffusers.text_to_image import SILENT_LENGTH
from workers.engines.quiet import quiet
from workers.engines.training.steps import descend

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import Tensor

    from workers.engines.diffusers.text_to_image import FluxTextToImage
    from workers.engines.media.examples import Example
    from workers.engines.training.steps import OnStep

RANK: Final = 16
BATCH: Final = 12
"""Examples a step, and as many captions that are to stay what they were."""
KEEP_WORDS: Final = 3.0
"""Weight of the text encoder's share in what is preserved."""
_PICTURE_PARTS: Final = [
    "to_q", "to_k", "to_v", "to_out.0", "proj_mlp", "proj_out", "norm.linear", "norm1.linear",
    "ff.net.0.proj", "ff.net.2",
]  # fmt: skip
_WORD_PARTS: Final = ["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"]


@dataclass(frozen=True)
class LoraTrainer:
    """Trains on a loaded model, which has the adaptation in it afterwards: load another to draw."""

    model: FluxTextToImage
    examples: Sequence[Example]
    keep: Sequence[str]
    """Captions of pictures that it draws well already."""
    seed: int

    def train(
        self,
        *,
        steps: int,
        learning_rate: float,
        on_step: OnStep,
        resume: Path | None = None,
    ) -> int:
        """As :func:`descend`; the step that it went on from."""
        import torch

        torch.manual_seed(self.seed)
        lesson = _Lesson.of(self)
        weights = [*_adapted(self.pipe.transformer, _PICTURE_PARTS),
                   *_adapted(self.pipe.text_encoder, _WORD_PARTS)]  # fmt: skip
        return descend(
            weights,
            lesson.loss,
            steps=steps,
            learning_rate=learning_rate,
            facts=f"seed {self.seed}, {len(self.examples)} examples",
            on_step=on_step,
            resume=resume,
        )

    def save(self, folder: Path) -> Path:
        """One safetensors file that any FluxPipeline of these sizes loads."""
        from diffusers import FluxPipeline
        from peft.utils import get_peft_model_state_dict

        with quiet():
            FluxPipeline.save_lora_weights(
                folder,
                transformer_lora_layers=get_peft_model_state_dict(self.pipe.transformer),
                text_encoder_lora_layers=get_peft_model_state_dict(self.pipe.text_encoder),
            )
        return folder / "pytorch_lora_weights.safetensors"

    @property
    def pipe(self) -> Any:
        return self.model.pipe


def _adapted(part: Any, targets: list[str]) -> list[Tensor]:
    """The new weights, the only ones that learn."""
    from peft import LoraConfig

    part.requires_grad_(False)
    part.add_adapter(LoraConfig(r=RANK, lora_alpha=RANK, target_modules=targets))
    return [weight for weight in part.parameters() if weight.requires_grad]


@dataclass(frozen=True)
class _Lesson:
    """Everything that stays the same from step to step, as tensors."""

    pipe: Any
    pictures: Tensor
    """Packed latents of the examples, (n, tokens, channels)."""
    words: Tensor
    """Tokens of their captions, (n, length)."""
    others: Tensor
    """Tokens of the captions to keep."""
    meant: Tensor
    """Vectors of those before training."""
    silence: tuple[Tensor, Tensor, Tensor]
    """What the second encoder says, its positions, and those of the picture."""

    @classmethod
    def of(cls, trainer: LoraTrainer) -> _Lesson:
        import torch

        pipe = trainer.pipe
        with torch.no_grad():
            silent, _, text_ids = pipe.encode_prompt(" ", " ", max_sequence_length=SILENT_LENGTH)
            pictures = _latents(pipe, trainer.examples, trainer.model.defaults)
            others = _tokens(pipe, list(trainer.keep))
            meant = pipe.text_encoder(others).pooler_output
            half = math.isqrt(pictures.shape[1])
            image_ids = pipe._prepare_latent_image_ids(1, half, half, "cpu", torch.float32)  # noqa: SLF001
        words = _tokens(pipe, [one.caption for one in trainer.examples])
        return cls(pipe, pictures, words, others, meant, (silent, text_ids, image_ids))

    def loss(self) -> tuple[Tensor, float]:
        """What to descend, and the share of it that the examples have."""
        import torch

        these = torch.randint(0, len(self.pictures), (BATCH,))
        those = torch.randint(0, len(self.others), (BATCH,))
        vectors = self.pipe.text_encoder(torch.cat([self.words[these], self.others[those]]))
        now = vectors.pooler_output
        kept_words = (now[BATCH:] - self.meant[those]).square().mean()
        picture = self.pictures[these]
        noise = torch.randn_like(picture)
        level = torch.sigmoid(1.2 * torch.randn(BATCH) + 0.4)
        share = level[:, None, None]
        noisy = (1 - share) * picture + share * noise
        learned = self._velocity(noisy, level, now[:BATCH]) - (noise - picture)
        kept = self._drift(torch.randn_like(picture), torch.rand(BATCH), self.meant[those])
        told = learned.square().mean()
        return told + kept.square().mean() + KEEP_WORDS * kept_words, told.item()

    def _drift(self, noisy: Tensor, level: Tensor, vectors: Tensor) -> Tensor:
        """How far the model has come from what it said before, along a picture of its own."""
        import torch

        transformer = self.pipe.transformer
        transformer.disable_adapters()
        with torch.no_grad():
            first = self._velocity(noisy, torch.ones(len(noisy)), vectors)
            noisy = noisy - (1 - level)[:, None, None] * first
            before = self._velocity(noisy, level, vectors)
        transformer.enable_adapters()
        return self._velocity(noisy, level, vectors) - before

    def _velocity(self, noisy: Tensor, level: Tensor, vectors: Tensor) -> Tensor:
        silent, text_ids, image_ids = self.silence
        told: Tensor = self.pipe.transformer(
            hidden_states=noisy,
            timestep=level,
            guidance=None,
            pooled_projections=vectors,
            encoder_hidden_states=silent.repeat(len(noisy), 1, 1),
            txt_ids=text_ids,
            img_ids=image_ids,
            return_dict=False,
        )[0]
        return told


def _tokens(pipe: Any, captions: list[str]) -> Tensor:
    encoded = pipe.tokenizer(
        captions,
        padding="max_length",
        max_length=pipe.tokenizer.model_max_length,
        truncation=True,
        return_tensors="pt",
    )
    ids: Tensor = encoded.input_ids
    return ids


def _latents(pipe: Any, examples: Sequence[Example], defaults: dict[str, Any]) -> Tensor:
    import numpy as np
    import torch
    from PIL import Image

    size = (defaults["width"], defaults["height"])
    pixels = [np.asarray(one.picture.resize(size, Image.Resampling.LANCZOS)) for one in examples]
    seen = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float() / 127.5 - 1
    coded = pipe.vae.encode(seen).latents
    coded = (coded - pipe.vae.config.shift_factor) * pipe.vae.config.scaling_factor
    packed: Tensor = pipe._pack_latents(coded, *coded.shape)  # noqa: SLF001
    return packed
