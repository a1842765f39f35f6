"""The steps of a training, whatever is trained: the rate, the descent, the state they leave."""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING, Any, Final

from workers.engines.training.state import TrainingState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from torch import Tensor

    OnStep = Callable[[int, float, TrainingState], None]
    """Told of each step, from 1, its loss and the state it leaves, which it may save."""

WARM_UP_STEPS: Final = 10


def descend(
    weights: Sequence[Tensor],
    loss: Callable[[], tuple[Tensor, float]],
    *,
    steps: int,
    learning_rate: float,
    facts: str,
    on_step: OnStep,
    resume: Path | None,
) -> int:
    """AdamW down ``loss``, which says what to descend and what to tell of it.

    ``resume`` is a saved state: with the same ``facts`` the weights come out as if nothing had
    come between, bit for bit; one of another training is left alone. The step that it went on
    from, 0 for the beginning. What ``on_step`` raises ends it.
    """
    import torch

    optimiser = torch.optim.AdamW(weights, lr=learning_rate, weight_decay=0)
    state = TrainingState(weights, optimiser, f"{steps} {learning_rate} {len(weights)} {facts}")
    began = state.load(resume) if resume else 0
    for step in range(began, steps):
        rate = min(1, (step + 1) / WARM_UP_STEPS) * (1 + math.cos(math.pi * step / steps)) / 2
        for group in optimiser.param_groups:
            group["lr"] = learning_rate * rate
        with _attention(weights[0]):
            told, learned = loss()
            optimiser.zero_grad()
            told.backward()
        optimiser.step()
        state.step = step + 1
        on_step(step + 1, learned, state)
    return began


def _attention(weight: Tensor) -> contextlib.AbstractContextManager[Any]:
    """Not the fused one on a processor: its backward pass is slow there."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    if weight.device.type != "cpu":
        return contextlib.nullcontext()
    plain: contextlib.AbstractContextManager[Any] = sdpa_kernel(SDPBackend.MATH)
    return plain
