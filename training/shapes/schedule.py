"""How fast each stage learns, and how long: counted in steps, so that time never changes a model."""

import logging
import math
from dataclasses import dataclass

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rate:
    """A short rise, a plateau, then a cosine down to two per cent of the peak."""

    peak: float
    steps: int
    rise: int = 40
    flat: float = 0.0
    """Share of the steps before the way down begins."""

    def at(self, step: int) -> float:
        """The rate of a step, the first being 0."""
        done = step / self.steps
        down = max(0.0, (done - self.flat) / (1 - self.flat))
        return (
            self.peak * min(1.0, (step + 1) / self.rise) * (0.51 + 0.49 * math.cos(math.pi * down))
        )


class Progress:
    """Reports the mean loss of a stage about twenty times on its way."""

    def __init__(self, stage: str, steps: int) -> None:
        self.stage, self.steps = stage, steps
        self.every = max(1, steps // 20)
        self.total = 0.0

    def add(self, step: int, loss: float) -> None:
        """Count one step, the first being 0."""
        self.total += loss
        if (step + 1) % self.every == 0:
            log.info(
                "%s %d/%d loss %.4f", self.stage, step + 1, self.steps, self.total / self.every
            )
            self.total = 0.0
