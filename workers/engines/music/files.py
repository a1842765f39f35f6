"""Music as files: every channel, at the rate it was made at; PyAV's ffmpeg writes them."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from workers.engines.speech.files import CONTENT_TYPES

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_CODECS: Final = {
    "wav": ("wav", "pcm_s16le", "s16"),
    "flac": ("flac", "flac", "s16"),
    "mp3": ("mp3", "libmp3lame", "s16p"),
}
"""Container, codec, and how the codec wants its numbers."""
_MP3_BITS: Final = 256_000
"""A second: what fal's music endpoints take where nothing is said."""
_LAYOUTS: Final = {1: "mono", 2: "stereo"}
_PIECE: Final = 48_000
"""Samples a channel that are handed over at once."""


def write(path: Path, sound: NDArray[Any], rate: int, form: str) -> str:
    """``sound``: numbers from -1 to 1, shape (channels, n), one channel or two. Its content type.

    A sample that is no number, as a broken model makes them, is silence.
    """
    import av
    import numpy as np

    container, codec, kept = _CODECS[form]
    layout = _LAYOUTS[sound.shape[0]]
    samples = (np.nan_to_num(sound).clip(-1, 1) * 32767).round().astype("<i2")
    with av.open(
        str(path), "w", format=container, container_options={"fflags": "+bitexact"}
    ) as file:
        stream: Any = file.add_stream(codec, rate=rate, layout=layout)
        if form == "mp3":
            stream.bit_rate = _MP3_BITS
        for at in range(0, samples.shape[1], _PIECE):
            piece = samples[:, at : at + _PIECE]
            planes = piece if kept.endswith("p") else piece.T.reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(planes), format=kept, layout=layout
            )
            frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), at
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return CONTENT_TYPES[form]
