"""A drawn face that speaks: a small network paints its mouth as open as the sound around each
picture has it.

It sees the whole picture at 96 x 96 pixels, finds the mouth by itself, and answers with new pixels
and with how much of each to take. Those are enlarged and laid over the picture at its own size: what
is not the mouth stays what it was. ``training/talking`` makes the weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pilotlight import WeightsMissing, stage
from workers.engines.video.hearing import BANDS, COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL.Image import Image

SIDE: Final = 96
WIDTHS: Final = (16, 32, 48, 64)
"""Channels at 96, 48, 24 and 12 pixels."""
TOLD: Final = 64
"""Numbers that say what is heard."""
FAINTEST: Final = 0.02
"""Share of a new pixel below which the old one stays as it is."""


def _turned(taken: int, given: int) -> Any:
    """A convolution whose channels are scaled and moved by what is heard."""
    import torch
    from torch import nn
    from torch.nn import functional

    class Turned(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(taken, given, 3, padding=1)
            self.by = nn.Linear(TOLD, 2 * given)

        def forward(self, seen: torch.Tensor, told: torch.Tensor) -> torch.Tensor:
            scale, move = self.by(told)[..., None, None].chunk(2, 1)
            return functional.gelu(self.conv(seen) * (1 + scale) + move)

    return Turned()


def network() -> Any:
    """Untrained. ``look`` once at a picture, ``speak`` for every window of sound."""
    import torch
    from torch import nn
    from torch.nn import functional

    class Talker(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.ear = nn.Sequential(
                nn.Conv1d(BANDS, 48, 3, 2, 1), nn.GELU(), nn.Conv1d(48, 48, 3, 2, 1), nn.GELU(),
                nn.Flatten(), nn.Linear(48 * COLUMNS // 4, TOLD), nn.GELU(),
            )  # fmt: skip
            sizes = list(zip((3, *WIDTHS), WIDTHS, strict=False))
            self.eye = nn.ModuleList(
                nn.Sequential(
                    nn.Conv2d(taken, given, 3, 1 if taken == 3 else 2, 1), nn.GELU(),
                    nn.Conv2d(given, given, 3, 1, 1), nn.GELU(),
                )
                for taken, given in sizes
            )  # fmt: skip
            self.middle = nn.ModuleList(_turned(WIDTHS[-1], WIDTHS[-1]) for _ in range(2))
            pairs = list(zip(WIDTHS[:0:-1], WIDTHS[-2::-1], strict=True))
            self.hand = nn.ModuleList(_turned(deep + wide, wide) for deep, wide in pairs)
            self.last = nn.Conv2d(WIDTHS[0], 4, 3, 1, 1)
            nn.init.constant_(self.last.bias[3:], -2.0)

        def look(self, pictures: torch.Tensor) -> list[torch.Tensor]:
            """(n, 3, SIDE, SIDE), 0 to 1, into what ``speak`` needs."""
            seen, kept = pictures * 2 - 1, []
            for layer in self.eye:
                seen = layer(seen)
                kept.append(seen)
            return kept

        def speak(
            self, kept: list[torch.Tensor], heard: torch.Tensor
        ) -> tuple[torch.Tensor, torch.Tensor]:
            """Pixels (n, 3, SIDE, SIDE) and their shares (n, 1, SIDE, SIDE), 0 to 1."""
            told = self.ear(heard)
            seen = kept[-1]
            for layer in self.middle:
                seen = seen + layer(seen, told)
            for layer, before in zip(self.hand, kept[-2::-1], strict=True):
                seen = functional.interpolate(seen, scale_factor=2.0, mode="nearest")
                seen = layer(torch.cat((seen, before), 1), told)
            made = torch.sigmoid(self.last(seen).float())
            return made[:, :3], made[:, 3:]

    return Talker().to(memory_format=torch.channels_last)


def talker(weights: Path) -> Talker:
    """Read safetensors. Raises WeightsMissing."""
    if not weights.is_file():
        raise WeightsMissing(f"there is no {weights}")
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
    return Talker(model, device)


@dataclass(frozen=True)
class Talker:
    """Loaded. Not for two threads at once."""

    model: Any
    device: str

    def frames(self, picture: Image, heard: NDArray[Any]) -> Iterator[NDArray[Any]]:
        """``picture`` with its mouth as each of the windows (n, BANDS, COLUMNS) has it.

        (height, width, 3) of bytes, one for each window.
        """
        import numpy as np
        import torch

        if self.device == "cpu":
            torch.set_num_threads(1)  # as when drawing: equal inputs, equal bytes
        whole = np.asarray(picture.convert("RGB")).astype(np.float32)
        with torch.inference_mode():
            kept = self.model.look(self._seen(picture))
        for window in heard:
            with torch.inference_mode():
                sound = torch.from_numpy(np.ascontiguousarray(window))[None].to(self.device)
                pixels, share = self.model.speak(kept, sound)
                made = torch.cat((pixels, share), 1)[0].float().cpu()
            yield _laid_over(whole, made)

    def _seen(self, picture: Image) -> Any:
        """Squared by its own edges and made small: (1, 3, SIDE, SIDE)."""
        import numpy as np
        import torch
        from PIL import Image as Pictures

        whole = np.asarray(picture.convert("RGB"))
        height, width = whole.shape[:2]
        side = max(height, width)
        down, along = side - height, side - width
        pads = ((down // 2, down - down // 2), (along // 2, along - along // 2), (0, 0))
        squared = Pictures.fromarray(np.pad(whole, pads, "edge"))
        small = np.asarray(squared.resize((SIDE, SIDE), Pictures.Resampling.LANCZOS))
        seen = torch.from_numpy(small.copy()).permute(2, 0, 1)[None].float() / 255
        return seen.to(self.device)


def _laid_over(whole: NDArray[Any], made: Any) -> NDArray[Any]:
    """``made`` (4, SIDE, SIDE) enlarged to the square around ``whole``, cut to it, laid over it."""
    import numpy as np
    from torch.nn import functional

    height, width = whole.shape[:2]
    side = max(height, width)
    large = functional.interpolate(made[None], size=(side, side), mode="bicubic")[0]
    top, left = (side - height) // 2, (side - width) // 2
    cut = large[:, top : top + height, left : left + width].permute(1, 2, 0).numpy()
    share = cut[..., 3:].clip(0, 1)
    share = np.where(share < FAINTEST, 0, share)
    mixed = whole * (1 - share) + cut[..., :3].clip(0, 1) * 255 * share
    return mixed.round().clip(0, 255).astype(np.uint8)  # type: ignore[no-any-return]
