"""The process in which callers' pictures, films and sounds are decoded, and nothing else is done.

Decoders are large C programs that read what anybody may send. Run as a file of its own, with
nothing of ours imported: it gives away the network and the disk, takes limits on its memory and
processor time, and answers requests of one JSON line each with JSON and raw pixels. Whatever
a file does to it, :mod:`.decoder` starts another one.
"""

from __future__ import annotations

import io
import json
import os
import struct
import sys
import warnings
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Said = Iterator[tuple[dict[str, Any], bytes]]
    """Heads, each with the raw bytes that follow it."""

MEMORY_BYTES = 4 * 1024**3
"""Address space (reliability, section 3.4). A decoded picture of 40 megapixels is 160 MB."""
LENGTHS = struct.Struct("<II")
"""Before each part of an answer: bytes of its JSON, and of what follows it."""
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "AVIF", "BMP", "TIFF")
"""What the ingress takes for a picture."""
SAFE = {"protocol_whitelist": "file"}
"""A playlist that names other files or hosts leads nowhere (ffmpeg's protocols)."""
_NEW_USER_AND_NETWORK = 0x10000000 | 0x40000000
_NO_NEW_PRIVILEGES = 38
"""unshare(2), prctl(2)."""
_MOST_THREADS = 4
"""Each maps some 80 MB."""
_UNSAID, _HD_LINES = 2, 720
"""H.273's word for unknown colours; from this height on players then guess BT.709."""


class Refused(Exception):
    """What is wrong with the file, and the word for programs."""

    def __init__(self, words: str, kind: str) -> None:
        super().__init__(words)
        self.kind = kind


def confine() -> None:
    """Best effort for the network: a container may forbid it to be given away."""
    import ctypes
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    libc = ctypes.CDLL(None)
    if hasattr(libc, "unshare"):
        libc.unshare(_NEW_USER_AND_NETWORK)
        libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)


def allow(seconds: float) -> None:
    """So much more processor time; then the system ends this process."""
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    until = int(used.ru_utime + used.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (until, resource.RLIM_INFINITY))


def picture(asked: dict[str, Any], source: str | io.BytesIO) -> Said:
    """One header and the pixels, the right way up; of something that moves the first frame."""
    from PIL import Image, ImageOps

    Image.init()
    Image.MAX_IMAGE_PIXELS = None  # ours is looked at below, before anything is decoded
    known = [name for name in FORMATS if name in Image.OPEN]
    with Image.open(source, formats=known) as opened:
        _bearable(opened.width, opened.height, asked["most_pixels"], "image_too_large")
        upright = ImageOps.exif_transpose(opened)
        pixels = _as_asked(_of_eight_bits(upright), asked["mode"])
    yield {"mode": pixels.mode, "size": pixels.size}, pixels.tobytes()


def _of_eight_bits(seen: Any) -> Any:
    """Pillow cuts off what is brighter than 255, and would show sixteen bits as white."""
    from PIL import Image

    if seen.mode.startswith("I;16"):
        import numpy as np

        return Image.fromarray((np.asarray(seen) >> 8).astype(np.uint8))
    if seen.mode in ("I", "F"):
        raise Refused("has 32 bits a pixel; 8 or 16 are read", "image_load_error")
    return seen


def _as_asked(seen: Any, mode: str | None) -> Any:
    """What shines through is white, as viewers show it, and in a mask black: nothing is chosen there.
    The colours that a file has under it were hidden on purpose."""
    from PIL import Image

    if not seen.has_transparency_data or mode == "RGBA":
        return seen.convert(mode or "RGB")
    if mode is None:
        return seen.convert("RGBA")
    ground = Image.new("RGBA", seen.size, "black" if mode == "L" else "white")
    ground.alpha_composite(seen.convert("RGBA"))
    return ground.convert(mode)


def facts(asked: dict[str, Any], source: str | io.BytesIO) -> Said:
    import av

    with av.open(source, options=SAFE) as film:
        stream = _moving(film)
        first = next(_frames(film, asked))
        height, width = _upright(first, (first.width, first.height)).shape[:2]
        rate = Fraction(stream.average_rate or stream.guessed_rate or 25)
        length = stream.duration * stream.time_base if stream.duration else None
        if length is None and film.duration:
            length = Fraction(film.duration, 1_000_000)
        counted = stream.frames or (round(length * rate) if length else 1)
        yield {"size": (width, height), "rate": _pair(rate), "frames": max(1, counted)}, b""


def frames(asked: dict[str, Any], source: str | io.BytesIO) -> Said:
    """A header and the pixels of each frame; its time is seconds from the first one."""
    import av

    with av.open(source, options=SAFE) as film:
        rate = Fraction(_moving(film).average_rate or 25)
        began = sides = None
        for number, frame in enumerate(_frames(film, asked)):
            told = None if frame.pts is None else frame.pts * frame.time_base
            at = number / rate if told is None else Fraction(told)
            began = at if began is None else began
            sides = sides or (frame.width, frame.height)
            pixels = _upright(frame, sides)
            yield {"shape": pixels.shape, "at": _pair(at - began)}, pixels.tobytes()


def sound(asked: dict[str, Any], source: str | io.BytesIO) -> Said:
    """16-bit numbers, channel beside channel, bit by bit."""
    import av

    with av.open(source, options=SAFE, metadata_errors="ignore") as film:
        if not film.streams.audio:
            raise Refused("holds no sound", "invalid_audio")
        heard = film.streams.audio[0]
        resampler = av.AudioResampler(format="s16", layout=asked["layout"], rate=asked["rate"])
        left = asked["most_s"] * asked["rate"]
        for frame in _ended(_whole_ones(film, heard)):
            for part in resampler.resample(frame):
                left -= part.samples
                if left < 0:
                    words = f"is longer than {asked['most_s']} s"
                    raise Refused(words, "audio_duration_too_long")
                yield {}, part.to_ndarray().tobytes()


def _whole_ones(film: Any, heard: Any) -> Iterator[Any]:
    """What can be decoded: a damaged packet is left out, as players do, unless all of them are."""
    import av

    found, damage = False, None
    for packet in film.demux(heard):
        try:
            frames = packet.decode()
        except av.error.InvalidDataError as error:
            damage = error
            continue
        found = found or bool(frames)
        yield from frames
    if damage and not found:
        raise damage


def _ended(decoded: Iterator[Any]) -> Iterator[Any]:
    yield from decoded
    yield None


def _moving(film: Any) -> Any:
    if not film.streams.video:
        raise Refused("holds no moving pictures", "invalid_video")
    return film.streams.video[0]


def _frames(film: Any, asked: dict[str, Any]) -> Iterator[Any]:
    stream = _moving(film)
    stream.thread_type = "AUTO"
    stream.codec_context.thread_count = min(_MOST_THREADS, os.cpu_count() or 1)
    seen = 0
    for frame in film.decode(stream):
        _bearable(frame.width, frame.height, asked["most_pixels"], "invalid_video")
        seen += 1
        if seen > asked["most_frames"]:
            raise Refused(f"has more than {asked['most_frames']} frames", "invalid_video")
        yield frame
    if not seen:
        raise Refused("holds no picture that can be read", "invalid_video")


def _upright(frame: Any, sides: tuple[int, int]) -> Any:
    """Telephones note which way they were held instead of turning the picture. Recorded calls change
    their ``sides`` on the way, which no film that is written can."""
    import numpy as np

    unsaid = frame.colorspace == _UNSAID and frame.height >= _HD_LINES
    colours = "ITU709" if unsaid else None  # None: as the film says, else BT.601
    width, height = sides
    pixels = frame.to_ndarray(format="rgb24", width=width, height=height, src_colorspace=colours)
    turned = np.rot90(pixels, round(frame.rotation / 90)) if frame.rotation else pixels
    return np.ascontiguousarray(turned)


def _bearable(width: int, height: int, most: int, kind: str) -> None:
    if width * height > most:
        raise Refused(f"has {width} x {height} pixels; at most {most} in all", kind)


def _pair(number: Fraction) -> tuple[int, int]:
    return number.numerator, number.denominator


WORK: dict[str, Callable[..., Said]] = {
    work.__name__: work for work in (picture, facts, frames, sound)
}
UNREADABLE = {
    "picture": ("is no picture that can be read", "image_load_error"),
    "sound": ("is no sound that can be read", "invalid_audio"),
}


def answers(asked: dict[str, Any], source: str | io.BytesIO) -> Said:
    """What the work says, and how it ended."""
    try:
        yield from WORK[asked["do"]](asked, source)
        yield {"end": True}, b""
    except Refused as refused:
        yield {"refused": str(refused), "type": refused.kind}, b""
    except MemoryError:
        yield {"refused": "needs too much memory to be read", "type": "file_too_large"}, b""
    except Exception as error:  # noqa: BLE001 - decoders raise anything for what is not what it says
        words, kind = UNREADABLE.get(asked["do"], ("cannot be read as a film", "invalid_video"))
        detail = getattr(error, "strerror", None)
        yield {"refused": f"{words}: {detail}" if detail else words, "type": kind}, b""


def main() -> None:
    talk = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    warnings.simplefilter("ignore")
    confine()
    while line := sys.stdin.buffer.readline():
        asked = json.loads(line)
        allow(asked["cpu_s"])
        body = sys.stdin.buffer.read(asked["bytes"]) if asked["bytes"] else b""
        for head, data in answers(asked, io.BytesIO(body) if body else asked["path"]):
            told = json.dumps(head).encode()
            talk.write(LENGTHS.pack(len(told), len(data)) + told)
            talk.write(data)
        talk.flush()


if __name__ == "__main__":
    main()
