"""Frames between the frames of a film."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pilotlight import stage
from workers.engines.diffusers.memory import bounded
from workers.engines.video.flow import MULTIPLE, network
from workers.engines.video.tiles import by_tiles, share_out

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

FINEST: Final = 16
"""Parts of the way between two frames: the network only finds the middle, so others are middles
of middles."""
TILE: Final = 1024
SMALL_TILE: Final = 384
MARGIN: Final = 96
"""Pixels: how far a thing may move between two frames and still be followed across two tiles."""
CUT: Final = 0.25
"""Mean difference of two frames, 0 to 1, from which they are two scenes."""


def interpolator(weights: Path) -> Interpolator:
    """Read safetensors, as ``make setup-starters`` makes them of RIFE's own file."""
    with stage("imports"):
        import safetensors.torch
        import torch
    with stage("weights"):
        model = network()
        model.load_state_dict(safetensors.torch.load_file(weights))
        model.eval().requires_grad_(requires_grad=False)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device != "cpu":
        with stage("device"):
            model.to(device)
    made = Interpolator(model, device, torch.get_num_threads())
    with stage("warm_up"):
        import numpy as np

        nothing = np.zeros((MULTIPLE, MULTIPLE, 3), np.uint8)
        made.pair(nothing, nothing).at(1, 2)
    return made


@dataclass(frozen=True)
class Interpolator:
    """Loaded. Not for two threads at once."""

    model: Any
    device: str
    cores: int

    def pair(
        self,
        before: NDArray[Any],
        after: NDArray[Any],
        *,
        low_memory: bool = False,
        on_tile: Callable[[], None] = lambda: None,
    ) -> Pair:
        """Two neighbours (height, width, 3), bytes. What ``on_tile`` raises ends the work."""
        side = SMALL_TILE if low_memory else TILE
        return Pair(self, {0: before, FINEST: after}, side, on_tile, _cut(before, after))

    def middle(
        self,
        before: NDArray[Any],
        after: NDArray[Any],
        *,
        side: int,
        on_tile: Callable[[], None],
    ) -> NDArray[Any]:
        """What lies halfway. Raises OutOfMemory."""
        import numpy as np
        import torch
        from torch.nn import functional

        def one(part: NDArray[Any]) -> NDArray[Any]:
            on_tile()
            share_out(part.shape[0] * part.shape[1], self.cores)
            height, width = part.shape[:2]
            seen = torch.from_numpy(np.ascontiguousarray(part)).to(self.device)
            spare = (0, -width % MULTIPLE, 0, -height % MULTIPLE)
            with torch.inference_mode():
                shown = seen.permute(2, 0, 1)[None].float() / 255
                shown = functional.pad(shown, spare, mode="replicate")
                made = self.model(shown[:, :3], shown[:, 3:])[0, :, :height, :width]
                bytes_ = made.clamp(0, 1).mul(255).round().byte()
            return bytes_.permute(1, 2, 0).cpu().numpy()  # type: ignore[no-any-return]

        both = np.concatenate((before, after), 2)
        return bounded(lambda: by_tiles(both, one, side=side, margin=MARGIN, scale=1))


@dataclass(frozen=True)
class Pair:
    """Two neighbours and what is known between them, by sixteenths of the way."""

    model: Interpolator
    known: dict[int, NDArray[Any]]
    side: int
    on_tile: Callable[[], None]
    cut: bool
    """Two scenes: nothing lies between."""

    def at(self, step: int, steps: int) -> NDArray[Any]:
        """After ``step`` of ``steps`` of the way, to within a thirty-second of it."""
        if self.cut:
            return self.known[0 if 2 * step < steps else FINEST]
        return self._found(round(step * FINEST / steps))

    def _found(self, place: int) -> NDArray[Any]:
        if place not in self.known:
            gap = 2 ** _twos(place)
            ends = self._found(place - gap), self._found(place + gap)
            self.known[place] = self.model.middle(*ends, side=self.side, on_tile=self.on_tile)
        return self.known[place]


def _twos(number: int) -> int:
    """How often it can be halved."""
    return int(math.log2(number & -number))


def _cut(before: NDArray[Any], after: NDArray[Any]) -> bool:
    import numpy as np
    from PIL import Image

    small = [
        np.asarray(Image.fromarray(one).resize((32, 32), Image.Resampling.BOX), np.float32)
        for one in (before, after)
    ]
    return bool(np.abs(small[0] - small[1]).mean() / 255 > CUT)
