"""Sound as files, in the formats that OpenAI's speech endpoint names: PyAV's ffmpeg writes them.

A file may be read while it grows. Nothing can be put right behind its reader's back then, so a
growing file leaves out what its beginning would say of its end: a WAV's length, an MP3's table.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

Format = str


class _Kind(NamedTuple):
    container: str
    codec: str
    rate: int
    content_type: str


PCM_RATE: Final = 24_000
"""OpenAI's ``pcm`` is 24 kHz, 16 bits, one channel, no header."""
_KINDS: Final = {
    "mp3": _Kind("mp3", "libmp3lame", 22_050, "audio/mpeg"),
    "opus": _Kind("ogg", "libopus", 24_000, "audio/ogg"),
    "aac": _Kind("adts", "aac", 22_050, "audio/aac"),
    "flac": _Kind("flac", "flac", 22_050, "audio/flac"),
    "wav": _Kind("wav", "pcm_s16le", 22_050, "audio/wav"),
    "pcm": _Kind("s16le", "pcm_s16le", PCM_RATE, "audio/pcm"),
}
CONTENT_TYPES: Final = {name: kind.content_type for name, kind in _KINDS.items()}
_GROWING: Final = {"mp3": {"write_xing": "0"}, "ogg": {"page_duration": "100000"}}
"""Options of ffmpeg's writers, by container: no table in front, pages of a tenth of a second."""
_HELD_BYTES: Final = 1024
"""How much ffmpeg may keep back of a growing file."""


class SoundFile:
    """One channel of 16-bit numbers on its way into a file."""

    def __init__(self, path: Path, rate: int, form: Format, *, growing: bool = False) -> None:
        """``rate`` of the samples to come. ``growing``: somebody reads along."""
        import av

        kind = _KINDS[form]
        self._rate, self._said = rate, 0
        self._sink = _Sink(path) if growing else None
        more: dict[str, Any] = {"container_options": {"fflags": "+bitexact"}}
        if growing:
            more["container_options"] |= {"flush_packets": "1"} | _GROWING.get(kind.container, {})
            more["buffer_size"] = _HELD_BYTES
        self._file: Any = av.open(self._sink or str(path), "w", format=kind.container, **more)
        self._stream: Any = self._file.add_stream(kind.codec, rate=kind.rate, layout="mono")

    def add(self, samples: Any) -> bytes:
        """Shape (n,). What the file grew by, where somebody reads along."""
        import av

        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.time_base = self._rate, Fraction(1, self._rate)
        frame.pts, self._said = self._said, self._said + samples.size
        self._file.mux(self._stream.encode(frame))
        return self._grown()

    def close(self) -> bytes:
        """What it grew by in the end."""
        self._file.mux(self._stream.encode(None))
        self._file.close()
        return self._grown()

    @property
    def seconds(self) -> float:
        """So much was said."""
        return self._said / self._rate

    def _grown(self) -> bytes:
        return self._sink.fresh() if self._sink else b""


class _Sink:
    """A file that can only be appended to, and remembers what came since it was last asked."""

    def __init__(self, path: Path) -> None:
        self._path, self._fresh = path, bytearray()
        path.write_bytes(b"")

    def write(self, data: bytes) -> int:
        with self._path.open("ab") as file:
            file.write(data)
        self._fresh += data
        return len(data)

    def fresh(self) -> bytes:
        told, self._fresh = bytes(self._fresh), bytearray()
        return told
