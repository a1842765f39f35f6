"""Films as files: frames out of what somebody sent, and H.264 in MP4 or VP9 in WebM out of frames.

PyAV's ffmpeg does the work. Frames keep the very times they had: a film whose rate varies, as
telephones make them, stays in step with its sound.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from pilotlight import File
from pilotlight.contracts.endpoints.shapes import VideoFile
from workers.engines.media import decoder
from workers.engines.media.decoding import SAFE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from workers.engines.video.sound import Soundtrack

Format = Literal["mp4", "webm"]
TICKS: Final = 90_000
"""Of a second, in which times are written: MPEG's own clock."""
_MOST_SIDE, _MOST_PIXELS = 16_384, 139_264 * 16 * 16
"""x264's own limit, and the largest frame of any H.264 level (ITU-T H.264, table A-1, 6.2)."""
_BT709, _LIMITED = 1, 1
"""Numbers of H.273 for colours, and of ffmpeg for their range."""
_LIMITS: Final = {"most_pixels": decoder.MOST_PIXELS, "most_frames": decoder.MOST_FRAMES}


def too_large(width: float, height: float) -> str:
    """Why no film of these sides can be written; empty where one can."""
    if max(width, height) <= _MOST_SIDE and width * height <= _MOST_PIXELS:
        return ""
    return (
        f"makes a film of {width:.0f} x {height:.0f} pixels; at most {_MOST_SIDE} along a side and "
        f"{_MOST_PIXELS} in all"
    )


class _Codec(NamedTuple):
    name: str
    options: dict[str, str]
    content_type: str


_CODECS: Final = {
    # CRF: x264's and VP9's scales differ; both values are visually near the original.
    # With frames predicted from both sides, x264 on AVX-512 gives other bytes at every run.
    "mp4": _Codec("libx264", {"crf": "16", "preset": "medium", "bf": "0"}, "video/mp4"),
    "webm": _Codec("libvpx-vp9", {"crf": "24", "b:v": "0", "cpu-used": "4"}, "video/webm"),
}


class Frame(NamedTuple):
    pixels: NDArray[Any]
    """(height, width, 3), bytes."""
    at: Fraction
    """Seconds from the first frame."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a film says of itself."""

    width: int
    height: int
    rate: Fraction
    """Frames a second, on average."""
    frames: int
    """As the container tells, else reckoned from its length; never 0."""


def facts(path: Path, field: str) -> Facts:
    """Read from its header, and one frame. Raises InvalidInput that names ``field``."""
    told = decoder.kept().one(path, field, do="facts", **_LIMITS).head
    width, height = told["size"]
    return Facts(width, height, Fraction(*told["rate"]), told["frames"])


def frames(path: Path, field: str) -> Iterator[Frame]:
    """One after the other, the right way up, decoded under limits in a process of their own.

    Raises InvalidInput that names ``field``, also in the middle, for a film that is damaged, has
    frames of more than 40 megapixels or more than 18,000 of them.
    """
    import numpy as np

    for part in decoder.parts(path, field, do="frames", **_LIMITS):
        pixels = np.frombuffer(part.data, np.uint8).reshape(part.head["shape"])
        yield Frame(pixels, Fraction(*part.head["at"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reel:
    """How frames become a file."""

    rate: Fraction
    """Frames a second, as the file says; the frames' own times are what counts."""
    form: Format = "mp4"
    sound: Soundtrack | None = None


def write(path: Path, shown: Iterable[Frame], reel: Reel) -> VideoFile:
    """Encode them as they come, and the sound beside them.

    The formats need even sides: an odd one gets its last row or column once more. They need times
    that rise: a frame that is shown for no time, as damaged films have them, is left out.
    """
    import av

    codec = _CODECS[reel.form]
    size, count, last = (0, 0), 0, Fraction(0)
    with av.open(str(path), "w", format=reel.form) as target:
        stream = target.add_stream(codec.name, rate=reel.rate, options=codec.options)
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, TICKS)
        _tell_colours(stream.codec_context)
        with _sound(reel, target) as heard:
            for frame in shown:
                pixels = _even(frame.pixels)
                if not count:
                    size = stream.width, stream.height = pixels.shape[1], pixels.shape[0]
                elif round(frame.at * TICKS) <= round(last * TICKS):
                    continue
                heard.until(frame.at)
                made = _coded(pixels)
                made.time_base, made.pts = Fraction(1, TICKS), round(frame.at * TICKS)
                target.mux(stream.encode(made))
                count, last = count + 1, frame.at
            target.mux(stream.encode(None))
            heard.until(None)
    return VideoFile(
        **File.at(path, content_type=codec.content_type).model_dump(),
        width=size[0],
        height=size[1],
        fps=round(float(reel.rate), 3),
        duration=round(float(last + 1 / reel.rate), 3),
        num_frames=count,
    )


@contextmanager
def _sound(reel: Reel, target: Any) -> Iterator[Any]:
    if reel.sound is None:
        yield _Silence()
        return
    import av

    with av.open(str(reel.sound.path), options=SAFE) as source:
        yield reel.sound.playing(source, target, webm=reel.form == "webm")


class _Silence:
    def until(self, at: Fraction | None) -> None:
        """Nothing to write."""


def _coded(pixels: NDArray[Any]) -> Any:
    """In BT.709 at limited range."""
    import av
    from av.video.reformatter import ColorRange, Colorspace

    return av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(
        format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
    )


def _tell_colours(context: Any) -> None:
    """Say so in the file: where nothing is said players guess, by the size."""
    context.colorspace = context.color_primaries = context.color_trc = _BT709
    context.color_range = _LIMITED


def _even(pixels: NDArray[Any]) -> NDArray[Any]:
    import numpy as np

    height, width = pixels.shape[:2]
    if height % 2 or width % 2:
        pixels = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), "edge")
    return np.ascontiguousarray(pixels)
