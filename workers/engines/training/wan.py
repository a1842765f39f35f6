"""Teaches Wan one thing more from films and pictures: a low-rank adaptation, by flow matching.

The text is read and the films are coded once, before the transformer trains; those parts then
leave the GPU. The base's weights stay in sixteen bits and still, the adaptation's learn in
thirty-two. How noise levels are drawn follows the model's own scheduler: uniform, shifted by its
``flow_shift`` (https://arxiv.org/abs/2403.03206, section 5.3.2).
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from workers.engines.diffusers.memory import bounded, sparing
from workers.engines.quiet import quiet
from workers.engines.training.steps import descend

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from torch import Tensor

    from workers.engines.diffusers.loading import Pipes
    from workers.engines.training.steps import OnStep

RANK: Final = 32
PARTS: Final = ["to_q", "to_k", "to_v", "to_out.0"]
"""Of every attention, as diffusers' own training of films takes them."""
TIMES: Final = 1000
"""Of the schedule: what the transformer is told for noise alone."""
_SHIFT: Final = 3.0
"""Where the scheduler names none."""


class Clip(NamedTuple):
    """An example as tensors."""

    frames: Tensor
    """(3, frames, height, width), -1 to 1; frames are 1 + 4n, sides what the model can halve."""
    caption: str


class _Lesson(NamedTuple):
    latents: Tensor
    words: Tensor
    given: Tensor | None
    """For a model that starts from a picture: what it is told of the first frame."""
    seen: Tensor | None
    """And what its eye says of it."""


@dataclass(frozen=True)
class WanTrainer:
    """Trains on a loaded model, which has the adaptation in it afterwards: load another to film."""

    pipes: Pipes
    seed: int
    spare: bool = False
    """With as little memory as can be."""

    def train(
        self,
        clips: Iterable[Clip],
        *,
        steps: int,
        learning_rate: float,
        on_step: OnStep,
        resume: Path | None = None,
    ) -> int:
        """As :func:`descend`; the step that it went on from. Raises OutOfMemory.

        Of ``clips``, which are large, there is one at a time.
        """
        import torch

        def call() -> int:
            torch.manual_seed(self.seed)
            lessons = self._prepared(clips)
            return descend(
                self._adapted(),
                lambda: self._loss(lessons),
                steps=steps,
                learning_rate=learning_rate,
                facts=f"seed {self.seed}, {len(lessons)} examples",
                on_step=on_step,
                resume=resume,
            )

        return bounded(call)

    def save(self, folder: Path) -> Path:
        """One safetensors file that the model's pipeline loads."""
        from peft.utils import get_peft_model_state_dict

        layers = get_peft_model_state_dict(self.pipe.transformer)
        with quiet():
            type(self.pipe).save_lora_weights(folder, transformer_lora_layers=layers)
        return folder / "pytorch_lora_weights.safetensors"

    @property
    def pipe(self) -> Any:
        return self.pipes.base

    def _prepared(self, clips: Iterable[Clip]) -> list[_Lesson]:
        import torch

        ways = sparing(self.pipe, self.pipes.device) if self.spare else nullcontext()
        with torch.no_grad(), ways:
            lessons = [self._lesson(clip) for clip in clips]
        for name in ("text_encoder", "vae", "image_encoder"):
            part = getattr(self.pipe, name, None)
            if part is not None:
                part.to("cpu")
        if self.pipes.device != "cpu":
            torch.cuda.empty_cache()
        return lessons

    def _lesson(self, clip: Clip) -> _Lesson:
        pipe, device = self.pipe, self.pipes.device
        words, _ = pipe.encode_prompt(clip.caption, do_classifier_free_guidance=False)
        frames = clip.frames[None].to(device, pipe.vae.dtype)
        config = pipe.vae.config
        latents = pipe.vae.encode(frames).latent_dist.mode().float()
        shape = (1, config.z_dim, 1, 1, 1)
        mean = latents.new_tensor(config.latents_mean).view(shape)
        deviation = latents.new_tensor(config.latents_std).view(shape)
        given = seen = None
        if hasattr(pipe, "image_encoder"):
            given, seen = self._of_first_frame(frames)
        return _Lesson((latents - mean) / deviation, words, given, seen)

    def _of_first_frame(self, frames: Tensor) -> tuple[Tensor, Tensor | None]:
        """By the pipeline's own hands, so that training shows the model what films will."""
        _, given = self.pipe.prepare_latents(
            frames[:, :, 0].float(),
            1,
            height=frames.shape[3],
            width=frames.shape[4],
            num_frames=frames.shape[2],
            dtype=frames.float().dtype,
            device=self.pipes.device,
        )
        if self.pipe.image_encoder is None:
            return given, None
        from PIL import Image as Pictures

        shown = ((frames[0, :, 0].float() + 1) * 127.5).round().byte().permute(1, 2, 0)
        seen = self.pipe.encode_image(Pictures.fromarray(shown.cpu().numpy()), self.pipes.device)
        return given, seen

    def _adapted(self) -> list[Tensor]:
        """The new weights, the only ones that learn."""
        from peft import LoraConfig

        transformer = self.pipe.transformer
        transformer.requires_grad_(False)
        transformer.add_adapter(LoraConfig(r=RANK, lora_alpha=RANK, target_modules=PARTS))
        weights = [weight for weight in transformer.parameters() if weight.requires_grad]
        for weight in weights:
            weight.data = weight.data.float()
        if self.pipes.device != "cpu":
            transformer.enable_gradient_checkpointing()
        transformer.train()
        return weights

    def _loss(self, lessons: Sequence[_Lesson]) -> tuple[Tensor, float]:
        """Noise and levels are drawn on the processor: the same on every machine, and resumable."""
        import torch

        lesson = lessons[int(torch.randint(0, len(lessons), ()))]
        noise = torch.randn(lesson.latents.shape).to(lesson.latents.device)
        shift = getattr(self.pipe.scheduler.config, "flow_shift", None) or _SHIFT
        plain = torch.rand(())
        level = shift * plain / (1 + (shift - 1) * plain)
        noisy = (1 - level) * lesson.latents + level * noise
        shown = noisy if lesson.given is None else torch.cat((noisy, lesson.given), 1)
        kind = self.pipe.transformer.dtype
        more = {} if lesson.seen is None else {"encoder_hidden_states_image": lesson.seen.to(kind)}
        with torch.autocast(self.pipes.device, kind, enabled=kind != torch.float32):
            made = self.pipe.transformer(
                hidden_states=shown.to(kind),
                timestep=(level * TIMES)[None].to(noisy.device),
                encoder_hidden_states=lesson.words.to(kind),
                return_dict=False,
                **more,
            )[0]
        loss = (made.float() - (noise - lesson.latents)).square().mean()
        return loss, loss.item()
