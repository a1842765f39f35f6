"""Pictures with twice the pixels: a small network that corrects what bicubic enlarging gets wrong.

In the shape of SRVGG (https://github.com/xinntao/Real-ESRGAN): everything happens at the small
size, and the last layer's channels are laid out as the new pixels. ``training/upscaling`` makes
the weights.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pilotlight import stage
from workers.engines.diffusers.memory import bounded
from workers.engines.video.tiles import by_tiles, share_out

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

WIDTH: Final = 32
DEPTH: Final = 6
REACH: Final = DEPTH + 3
"""Pixels to each side that a pixel can depend on: what tiles have to share."""
TILE: Final = 512
SMALL_TILE: Final = 128
"""Sides of what is enlarged at once, in pixels; the second when memory is short."""


def network() -> Any:
    """Untrained: a bicubic enlarger. Takes and gives (n, 3, height, width), 0 to 1."""
    import torch
    from torch import nn
    from torch.nn import functional

    class Doubler(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            layers: list[nn.Module] = [nn.Conv2d(3, WIDTH, 3, padding=1), nn.PReLU(WIDTH)]
            for _ in range(DEPTH):
                layers += [nn.Conv2d(WIDTH, WIDTH, 3, padding=1), nn.PReLU(WIDTH)]
            last = nn.Conv2d(WIDTH, 12, 3, padding=1)
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)
            self.body = nn.Sequential(*layers, last, nn.PixelShuffle(2))

        def forward(self, small: torch.Tensor) -> torch.Tensor:
            size = (2 * small.shape[2], 2 * small.shape[3])
            enlarged = functional.interpolate(small, size=size, mode="bicubic")
            return enlarged + self.body(small)

    return Doubler().to(memory_format=torch.channels_last)


def upscaler(weights: Path) -> Upscaler:
    """Read safetensors."""
    with stage("imports"):
        import safetensors.torch
        import torch
    with stage("weights"):
        model = network()
        stored = safetensors.torch.load_file(weights)
        model.load_state_dict({name: tensor.float() for name, tensor in stored.items()})
        model.eval().requires_grad_(requires_grad=False)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device != "cpu":
        with stage("device"):
            model.to(device)
    made = Upscaler(model, device, torch.get_num_threads())
    with stage("warm_up"):
        import numpy as np

        made.enlarge(np.zeros((16, 16, 3), np.uint8), 2)
    return made


@dataclass(frozen=True)
class Upscaler:
    """Loaded. Not for two threads at once."""

    model: Any
    device: str
    cores: int

    def enlarge(
        self,
        picture: NDArray[Any],
        scale: float,
        *,
        low_memory: bool = False,
        on_tile: Callable[[], None] = lambda: None,
    ) -> NDArray[Any]:
        """``picture`` (height, width, 3) of bytes, each side ``scale`` times as long, rounded.

        Doubled as often as it takes, then made smaller. What ``on_tile`` raises ends it. Raises
        OutOfMemory.
        """
        import numpy as np
        from PIL import Image

        height, width = picture.shape[:2]
        grown = picture
        for _ in range(math.ceil(math.log2(scale) - 1e-9)):
            side = SMALL_TILE if low_memory else TILE
            grown = bounded(partial(self._double, grown, side, on_tile))
        wanted = (round(width * scale), round(height * scale))
        if wanted == (grown.shape[1], grown.shape[0]):
            return grown
        return np.asarray(Image.fromarray(grown).resize(wanted, Image.Resampling.LANCZOS))

    def _double(
        self, picture: NDArray[Any], tile: int, on_tile: Callable[[], None]
    ) -> NDArray[Any]:
        import numpy as np
        import torch

        def one(part: NDArray[Any]) -> NDArray[Any]:
            on_tile()
            share_out(part.shape[0] * part.shape[1], self.cores)
            seen = torch.from_numpy(np.array(part, order="C")).to(self.device)
            with torch.inference_mode():
                made = self.model(seen.permute(2, 0, 1)[None].float() / 255)[0]
                bytes_ = made.clamp(0, 1).mul(255).round().byte()
            return bytes_.permute(1, 2, 0).cpu().numpy()  # type: ignore[no-any-return]

        return by_tiles(picture, one, side=tile, margin=REACH, scale=2)
