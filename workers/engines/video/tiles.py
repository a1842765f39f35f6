"""Work on large pictures piece by piece, so that memory does not grow with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

_WORTH_SHARING = 256 * 256
"""Pixels from which several threads finish a piece sooner than one does."""


def share_out(pixels: int, cores: int) -> None:
    """Have the processor's work on so many pixels done by one thread, or by ``cores``.

    PyTorch's threads wait for each other busily: on small pieces, and beside other programs, two
    can take ten times as long as one.
    """
    import torch

    torch.set_num_threads(cores if pixels >= _WORTH_SHARING else 1)


def by_tiles(
    picture: NDArray[Any],
    work: Callable[[NDArray[Any]], NDArray[Any]],
    *,
    side: int,
    margin: int,
    scale: int,
) -> NDArray[Any]:
    """``work`` on (height, width, channels), ``side`` pixels at a time; it makes each ``scale``
    times as large.

    Each piece is seen with ``margin`` pixels around it where there are some: for work that looks
    no further, the result is what it would have been in one piece.
    """
    import numpy as np

    height, width = picture.shape[:2]
    whole: NDArray[Any] | None = None
    for top, bottom in _spans(height, side):
        for left, right in _spans(width, side):
            above, before = max(0, top - margin), max(0, left - margin)
            seen = picture[above : bottom + margin, before : right + margin]
            made = work(seen)
            if whole is None:
                whole = np.empty((height * scale, width * scale, made.shape[2]), made.dtype)
            y, x = (top - above) * scale, (left - before) * scale
            down, along = (bottom - top) * scale, (right - left) * scale
            whole[top * scale : bottom * scale, left * scale : right * scale] = made[
                y : y + down, x : x + along
            ]
    if whole is None:
        raise ValueError("a picture without pixels")
    return whole


def _spans(length: int, side: int) -> Iterator[tuple[int, int]]:
    for start in range(0, length, side):
        yield start, min(start + side, length)
