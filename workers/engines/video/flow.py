"""RIFE, version HDv3: where everything in a picture has moved to halfway to the next one.

After https://github.com/megvii-research/ECCV2022-RIFE (``IFNet_HDv3.py``; MIT, Copyright (c)
Megvii Inc.): three blocks look at the pair at a quarter, a half and all of its size, each refining
where the two pictures' pixels come from; what lies between is the two of them, moved and mixed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from torch import Tensor, nn

WIDTH: Final = 90
SHARES: Final = (4, 2, 1)
MULTIPLE: Final = 32
"""Both sides of what the network sees have to be one of it."""
BLOCKS: Final = ("block0", "block1", "block2")
"""All that is needed of the weights; a fourth block only taught these three."""


def network() -> nn.Module:
    """Untrained. Takes two pictures (n, 3, height, width) from 0 to 1, gives the one halfway."""
    import torch
    from torch import nn

    class Flow(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            for name in BLOCKS:
                setattr(self, name, _block())

        def forward(self, before: Tensor, after: Tensor) -> Tensor:
            flow, mask = before.new_zeros(1), before.new_zeros(1)
            flow = flow.expand(len(before), 4, *before.shape[2:])
            mask = mask.expand(len(before), 1, *before.shape[2:])
            moved = before, after
            for name, share in zip(BLOCKS, SHARES, strict=True):
                block = getattr(self, name)
                forth = _estimated(block, torch.cat((*moved, mask), 1), flow, share)
                back = _estimated(block, torch.cat((*moved[::-1], -mask), 1), _swapped(flow), share)
                flow = flow + (forth[0] + _swapped(back[0])) / 2
                mask = mask + (forth[1] - back[1]) / 2
                moved = _warped(before, flow[:, :2]), _warped(after, flow[:, 2:])
            part = torch.sigmoid(mask)
            return moved[0] * part + moved[1] * (1 - part)

    return Flow()


def _block() -> nn.Module:
    from torch import nn

    half = WIDTH // 2

    def pair(before: int, after: int, stride: int = 1) -> nn.Module:
        return nn.Sequential(nn.Conv2d(before, after, 3, stride, 1), nn.PReLU(after))

    def grown(channels: int) -> nn.Module:
        return nn.Sequential(
            nn.ConvTranspose2d(WIDTH, half, 4, 2, 1),
            nn.PReLU(half),
            nn.ConvTranspose2d(half, channels, 4, 2, 1),
        )

    parts = nn.ModuleDict()
    # Two pictures and a mask, and two flows of two directions; names as in the stored weights.
    parts["conv0"] = nn.Sequential(pair(7 + 4, half, 2), pair(half, WIDTH, 2))
    for number in range(4):
        parts[f"convblock{number}"] = nn.Sequential(pair(WIDTH, WIDTH), pair(WIDTH, WIDTH))
    parts["conv1"], parts["conv2"] = grown(4), grown(1)
    return parts


def _estimated(block: Any, seen: Tensor, flow: Tensor, share: int) -> tuple[Tensor, Tensor]:
    """How the flow and the mask change, as seen at one ``share``-th of the size."""
    import torch

    small = torch.cat((_resized(seen, 1 / share), _resized(flow, 1 / share) / share), 1)
    found = block["conv0"](small)
    for number in range(4):
        found = block[f"convblock{number}"](found) + found
    return _resized(block["conv1"](found), share) * share, _resized(block["conv2"](found), share)


def _resized(seen: Tensor, scale: float) -> Tensor:
    from torch.nn import functional

    return functional.interpolate(seen, scale_factor=scale, mode="bilinear")


def _swapped(flow: Tensor) -> Tensor:
    """As it looks when the pictures change places."""
    import torch

    return torch.cat((flow[:, 2:], flow[:, :2]), 1)


def _warped(picture: Tensor, flow: Tensor) -> Tensor:
    """Each pixel taken from where the flow, in pixels along x and y, says that it comes from."""
    import torch
    from torch.nn import functional

    height, width = picture.shape[2:]
    down = torch.arange(height, device=flow.device, dtype=flow.dtype)[None, :, None]
    along = torch.arange(width, device=flow.device, dtype=flow.dtype)[None, None, :]
    x = (along + flow[:, 0]) * (2 / (width - 1)) - 1
    y = (down + flow[:, 1]) * (2 / (height - 1)) - 1
    return functional.grid_sample(
        picture, torch.stack((x, y), 3), padding_mode="border", align_corners=True
    )
