"""Second stage: the transformer of `pilotlight/shapes` learns to change a picture that it is shown.

The flow begins at the picture itself, under a little noise, where that of text to image begins at
noise alone: what is not to change is there already, and the stock `FluxPipeline` runs the result when
it is given the picture's latents to begin with.
"""

from __future__ import annotations

import copy
import itertools
import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from training.shapes.latents import TOKENS, places
from training.shapes.optimisers import Optimisers
from training.shapes.schedule import Progress, Rate
from training.shapes.transformer import T5_WIDTH
from workers.engines.diffusers.instructed import NOISE, STEPS
from workers.engines.diffusers.text_to_image import SILENT_LENGTH

if TYPE_CHECKING:
    from collections.abc import Callable

    from diffusers import FluxTransformer2DModel

    from training.editing.families import Families

BATCH = 40

FIRST = 0.75
"""Share of the training that is spent on the first of the two steps, which decides most."""

CHANGED = 3.0
"""How much more a token counts that differs after the change from what it was before."""


class Trainer:
    """Trains a transformer and keeps the running average of its weights, which is what ships."""

    def __init__(
        self, model: FluxTransformer2DModel, families: Families, *, seed: int, compiled: bool
    ) -> None:
        torch.manual_seed(seed)
        self.model, self.families = model.train().requires_grad_(True), families
        self.average = copy.deepcopy(model).eval().requires_grad_(False)
        self.forward = torch.compile(model) if compiled else model

    def run(
        self, rate: Rate, *, every: int, look: Callable[[int, FluxTransformer2DModel], None]
    ) -> FluxTransformer2DModel:
        """The whole schedule; ``look`` sees the average after each ``every`` steps."""
        optimisers = Optimisers(self.model, rate, muon=_is_token_weight)
        progress = Progress("editing", rate.steps)
        for step in range(rate.steps):
            loss = self._loss()
            # products in place of the fused attention: its backward pass is slow on a processor
            with sdpa_kernel(SDPBackend.MATH):
                optimisers.descend(loss, step)
            self._follow(step)
            progress.add(step, loss.item())
            if (step + 1) % every == 0:
                look(step + 1, self.average)
        return self.average

    def _loss(self) -> Tensor:
        before, after, vectors = self.families.batch(BATCH)
        start = started(before, torch.randn_like(before))
        level = torch.where(torch.rand(BATCH) < FIRST, 1.0, 1 / STEPS)
        share = level[:, None, None]
        with torch.autocast("cpu", torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
            noisy = (1 - share) * after + share * start
            velocity = predicted(self.forward, noisy, level, vectors)
        off = (velocity - (start - after)).square().mean(-1)
        counts = 1 + CHANGED * ((after - before).abs().mean(-1) > 0.1)
        return (off * counts).sum() / counts.sum()

    @torch.no_grad()
    def _follow(self, step: int) -> None:
        keep = min(0.998, (1 + step) / (10 + step))
        pairs = list(zip(self.average.parameters(), self.model.parameters(), strict=True))
        torch._foreach_lerp_([a for a, _ in pairs], [b for _, b in pairs], 1 - keep)


def started(before: Tensor, noise: Tensor) -> Tensor:
    """Where the flow begins."""
    return before + NOISE * noise


def predicted(
    model: Callable[..., tuple[Tensor]], noisy: Tensor, level: Tensor, vectors: Tensor
) -> Tensor:
    """The velocity at these tokens, given the instruction."""
    said = model(
        hidden_states=noisy,
        timestep=level,
        guidance=None,
        pooled_projections=vectors,
        encoder_hidden_states=torch.zeros(len(noisy), 1, T5_WIDTH),
        txt_ids=torch.zeros(1, 3),
        img_ids=places(),
        joint_attention_kwargs={"attention_mask": _silence()},
        return_dict=False,
    )[0]
    return said.float()


@torch.no_grad()
def changed(model: FluxTransformer2DModel, before: Tensor, vectors: Tensor, *, seed: int) -> Tensor:
    """Tokens after the change: what the pipeline does, many at a time."""
    noise = torch.randn(before.shape, generator=torch.Generator().manual_seed(seed))
    tokens = started(before, noise)
    for level, next_level in itertools.pairwise(1 - k / STEPS for k in range(STEPS + 1)):
        now = torch.full((len(before),), level)
        with torch.autocast("cpu", torch.bfloat16):
            velocity = predicted(model, tokens, now, vectors)
        tokens = tokens + (next_level - level) * velocity
    return tokens


def _silence() -> Tensor:
    """Makes one silent token of text weigh as the pipeline's SILENT_LENGTH of them do."""
    weight = torch.full((1, 1, 1, 1), math.log(SILENT_LENGTH))
    return functional.pad(weight, (0, TOKENS)).bfloat16()


def _is_token_weight(name: str) -> bool:
    """Weights that see every token; the modulations see one vector per picture."""
    return "transformer_blocks" in name and "norm" not in name
