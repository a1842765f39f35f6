"""What is told of each step of a training, and kept of some."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pilotlight import Context
    from workers.engines.training.state import TrainingState

TELL_EVERY: Final = 10
SAVE_EVERY_S: Final = 180.0
"""What a kill or a taken machine may cost at most, where the caller names no steps."""


@dataclass
class Diary:
    """Of one attempt."""

    context: Context
    steps: int
    save_every: int | None = None
    """Steps between two checkpoints; None: SAVE_EVERY_S."""
    kept_at: float = field(default_factory=time.monotonic)

    def step(self, step: int, loss: float, state: TrainingState) -> None:
        """After each, from 1. Raises Cancelled when the replica leaves: no step is lost then."""
        if step % TELL_EVERY == 0 or step == self.steps:
            self.context.log(f"step {step} of {self.steps}: loss {loss:.4f}")
        self.context.progress(step / self.steps, f"loss {loss:.4f}")
        if step < self.steps and (self.context.leaving or self._due(step)):
            self.context.save(state.save(self.context.folder / "checkpoint.safetensors"))
            self.kept_at = time.monotonic()
            self.context.log(f"checkpoint at step {step} of {self.steps}")
            if self.context.leaving:
                self.context.hand_back()

    def _due(self, step: int) -> bool:
        if self.save_every is not None:
            return step % self.save_every == 0
        return time.monotonic() - self.kept_at >= SAVE_EVERY_S
