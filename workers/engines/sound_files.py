"""Sound as files, in the formats that OpenAI's speech endpoint names: PyAV's ffmpeg writes them."""

from __future__ import annotations

import wave
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

Format = str


class _Kind(NamedTuple):
    container: str
    codec: str
    rate: int
    content_type: str


_KINDS: Final = {
    "mp3": _Kind("mp3", "libmp3lame", 22_050, "audio/mpeg"),
    "opus": _Kind("ogg", "libopus", 24_000, "audio/ogg"),
    "aac": _Kind("adts", "aac", 22_050, "audio/aac"),
    "flac": _Kind("flac", "flac", 22_050, "audio/flac"),
}
PCM_RATE: Final = 24_000
"""OpenAI's ``pcm`` is 24 kHz, 16 bits, one channel, no header."""
CONTENT_TYPES: Final = {
    **{name: kind.content_type for name, kind in _KINDS.items()},
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}


def write(path: Path, samples: Any, rate: int, form: Format) -> None:
    """``samples``: one channel of 16-bit numbers, shape (n,)."""
    if form == "wav":
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(rate)
            file.writeframes(samples.tobytes())
    elif form == "pcm":
        path.write_bytes(b"".join(_resampled(samples, rate, PCM_RATE)))
    else:
        _encode(path, samples, rate, _KINDS[form])


def _frame(samples: Any, rate: int) -> Any:
    import av

    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate = rate
    return frame


def _resampled(samples: Any, rate: int, wanted: int) -> list[bytes]:
    import av

    resampler = av.AudioResampler(format="s16", layout="mono", rate=wanted)
    frames = [*resampler.resample(_frame(samples, rate)), *resampler.resample(None)]
    return [frame.to_ndarray().tobytes() for frame in frames]


def _encode(path: Path, samples: Any, rate: int, kind: _Kind) -> None:
    import av

    with av.open(str(path), "w", format=kind.container) as container:
        stream = container.add_stream(kind.codec, rate=kind.rate, layout="mono")
        for packet in [*stream.encode(_frame(samples, rate)), *stream.encode(None)]:
            container.mux(packet)
