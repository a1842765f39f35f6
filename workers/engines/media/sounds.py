"""Sounds that callers sent, decoded under limits in a process of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from workers.engines.media import decoder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


Layout = Literal["mono", "stereo"]


def sound(path: Path, field: decoder.Field, *, rate: int) -> Any:
    """One channel of numbers from -1 to 1, shape (n,), ``rate`` a second.

    Raises InvalidInput that names ``field`` for what holds no sound, lasts longer than two
    hours, or breaks the decoder.
    """
    import numpy as np

    heard = stretches(path, field, rate=rate, layout="mono")
    samples = np.frombuffer(b"".join(heard), np.int16)
    return samples.astype(np.float32) / 32768


def stretches(
    path: Path, field: decoder.Field, *, rate: int, layout: Layout
) -> Iterator[bytearray]:
    """16-bit numbers as they are decoded, channel beside channel. Raises as :func:`sound`."""
    for part in decoder.parts(
        path, field, do="sound", rate=rate, layout=layout, most_s=decoder.MOST_SOUND_S
    ):
        yield part.data
