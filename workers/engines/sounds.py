"""Sounds that callers sent, decoded under limits in a process of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workers.engines import decoder

if TYPE_CHECKING:
    from pathlib import Path


def sound(path: Path, field: decoder.Field, *, rate: int) -> Any:
    """One channel of numbers from -1 to 1, shape (n,), ``rate`` a second.

    Raises InvalidInput that names ``field`` for what holds no sound, lasts longer than two
    hours, or breaks the decoder.
    """
    import numpy as np

    heard = decoder.parts(path, field, do="sound", rate=rate, most_s=decoder.MOST_SOUND_S)
    samples = np.frombuffer(b"".join(part.data for part in heard), np.int16)
    return samples.astype(np.float32) / 32768
