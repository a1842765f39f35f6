"""Films and pictures that somebody sent, cut to what a film model trains on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from workers.engines.training.wan import Clip
from workers.engines.video import files as video_files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from workers.engines.media.examples import Example

RATE, FRAMES = 16, 81
"""Of Wan's films: frames a second, and their most."""
STEP: Final = 4
"""The coder makes one latent frame of so many, and one of the first."""


def clip(example: Example, *, pixels: int, multiple: int, scaled: bool, field: str) -> Clip:
    """Of about ``pixels`` a frame or fewer, in the example's own shape.

    A film gives its first FRAMES frames as they are; ``scaled``, as many moments as there are at
    RATE. A picture is a film of one frame. Raises InvalidInput that names ``field``.
    """
    import numpy as np
    import torch

    if example.film is None:
        shown = [np.asarray(example.picture)]
    else:
        shown = _shown(list(_read(example, field, scaled=scaled)), scaled=scaled)
    size = _size(shown[0].shape[1], shown[0].shape[0], pixels, multiple)
    frames = np.stack([_fitted(one, size) for one in shown])
    seen = torch.from_numpy(frames).permute(3, 0, 1, 2).float() / 127.5 - 1
    return Clip(seen, example.caption)


def _read(example: Example, field: str, *, scaled: bool) -> Any:
    """No further than is needed: a film may be long."""
    assert example.film is not None
    for number, one in enumerate(video_files.frames(example.film, field)):
        if (one.at > FRAMES / RATE) if scaled else number >= FRAMES:
            return
        yield one


def _shown(read: Sequence[video_files.Frame], *, scaled: bool) -> list[NDArray[Any]]:
    """1 + 4n of them."""
    if scaled:
        times = [float(one.at) for one in read]
        count = min(FRAMES, int(times[-1] * RATE) + 1)
        nearest = [min(range(len(times)), key=lambda k: abs(times[k] - n / RATE))
                   for n in range(count)]  # fmt: skip
        read = [read[k] for k in nearest]
    return [one.pixels for one in read[: 1 + (len(read) - 1) // STEP * STEP]]


def _size(width: int, height: int, pixels: int, multiple: int) -> tuple[int, int]:
    share = min(1.0, (pixels / (width * height)) ** 0.5)
    wide, high = (max(multiple, int(one * share) // multiple * multiple) for one in (width, height))
    return wide, high


def _fitted(frame: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    import numpy as np
    from PIL import Image as Pictures
    from PIL import ImageOps

    picture = Pictures.fromarray(frame)
    return np.asarray(ImageOps.fit(picture, size, Pictures.Resampling.LANCZOS))
