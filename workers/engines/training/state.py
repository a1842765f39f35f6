"""Everything that a training in its middle is made of, as one safetensors file.

The weights that learn, the optimiser's two averages of each, the state of the random numbers and
the step: what goes on from there does what would have come without the break.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import Tensor

_KEPT: Final = ("exp_avg", "exp_avg_sq")
"""Of AdamW, for each weight."""


@dataclass
class TrainingState:
    """Of weights in an order that does not change, under an AdamW."""

    weights: Sequence[Tensor]
    optimiser: Any
    facts: str
    """What has to be the same for one training to go on from another's state."""
    step: int = 0
    """So many are done."""

    def save(self, path: Path) -> Path:
        """Written whole."""
        import safetensors.torch
        import torch

        held = {"random": torch.get_rng_state()}
        for number, weight in enumerate(self.weights):
            held[f"{number}.weight"] = weight.detach()
            for name in _KEPT:
                held[f"{number}.{name}"] = self.optimiser.state[weight][name]
        stored = {name: tensor.cpu().contiguous() for name, tensor in held.items()}
        told = {"step": str(self.step), "facts": self.facts}
        safetensors.torch.save_file(stored, path, metadata=told)
        return path

    def load(self, path: Path) -> int:
        """Take over what was saved there; the step it was saved at, 0 for another training's."""
        import torch
        from safetensors import safe_open

        with safe_open(path, framework="pt") as file:
            told = file.metadata() or {}
            if told.get("facts") != self.facts:
                return 0
            self.step = int(told["step"])
            with torch.no_grad():
                for number, weight in enumerate(self.weights):
                    weight.copy_(file.get_tensor(f"{number}.weight"))
                    self.optimiser.state[weight] = {
                        "step": torch.tensor(float(self.step)),
                        **{name: file.get_tensor(f"{number}.{name}").to(weight.device)
                           for name in _KEPT},
                    }  # fmt: skip
            torch.set_rng_state(file.get_tensor("random"))
        return self.step
