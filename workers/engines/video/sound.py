"""The sound of a film, carried over into another one."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from pilotlight import InvalidInput, Problem
from workers.engines.media import sounds
from workers.engines.media.decoder import MOST_SOUND_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_KEPT_IN_MP4: Final = {"aac", "mp3", "ac3", "eac3", "opus", "flac", "alac"}
_KEPT_IN_WEBM: Final = {"opus", "vorbis"}
_USUAL_RATE: Final = 48_000
_SLOWEST, _FASTEST = Fraction(1, 2), Fraction(2)
"""What one ``atempo`` filter does without losing quality; several do the rest."""


@dataclass(frozen=True, slots=True)
class Soundtrack:
    """Of the film at ``path``, played ``speed`` times as fast at the same pitch."""

    path: Path
    speed: Fraction = Fraction(1)
    field: str = "video_url"
    """Of the input: for who has to be told that the sound is damaged."""

    def playing(self, source: Any, target: Any, *, webm: bool) -> Playing:
        """Give ``target`` a stream for it; none where the source has no sound."""
        if not source.streams.audio:
            return Playing(None, iter(()), self.field)
        heard = source.streams.audio[0]
        kept = _KEPT_IN_WEBM if webm else _KEPT_IN_MP4
        began = _began(source)
        if self.speed == 1 and heard.codec_context.name in kept:
            stream = target.add_stream_from_template(heard)
            return Playing(target, _copied(source, heard, stream, began), self.field)
        name = "libopus" if webm else "aac"
        rate = _rate(name, heard.codec_context.sample_rate)
        stream = target.add_stream(name, rate=rate)
        stream.codec_context.layout = "stereo" if heard.codec_context.channels > 1 else "mono"
        late = Fraction((heard.start_time or 0) * heard.time_base) - began
        decoded = self._decoded(rate, stream.codec_context.layout.name, late)
        return Playing(target, _encoded(decoded, stream, self.speed), self.field)

    def _decoded(self, rate: int, layout: Any, late: Fraction) -> Iterator[Any]:
        """Frames from the process that decodes, from the first picture on. Raises InvalidInput."""
        import av
        import numpy as np

        wide, at = 2 * (2 if layout == "stereo" else 1), 0
        heard = sounds.stretches(self.path, self.field, rate=rate, layout=layout)
        for data in _from(heard, round(late * rate), rate, wide):
            packed = np.frombuffer(data, np.int16).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(packed, format="s16", layout=layout)
            frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), at
            at += frame.samples
            yield frame


class Playing:
    """Writes the sound bit by bit, so that it lies beside the pictures it belongs to."""

    def __init__(self, target: Any, packets: Iterator[Any], field: str) -> None:
        self.target, self.packets, self.field = target, packets, field
        self.next = self._pulled()

    def until(self, at: Fraction | None) -> None:
        """Write what is heard up to then, in seconds; None: all that is left.

        Raises InvalidInput where the sound cannot be read.
        """
        while self.next is not None:
            packet = self.next
            if at is not None and packet.dts is not None and packet.dts * packet.time_base > at:
                return
            self.target.mux(packet)
            self.next = self._pulled()

    def _pulled(self) -> Any:
        import av

        try:
            return next(self.packets, None)
        except av.error.FFmpegError as error:
            words = f"has sound that cannot be read: {error.strerror}"
            problem = Problem(("body", self.field), words, "invalid_video")
            raise InvalidInput(f"{self.field} {words}", problem) from None


def _began(source: Any) -> Fraction:
    """When the first picture is shown, in seconds: the new film begins with it."""
    if not source.streams.video:
        return Fraction(0)  # sound alone
    stream = source.streams.video[0]
    return Fraction((stream.start_time or 0) * stream.time_base)


def _rate(codec: str, rate: int) -> int:
    """The sound's own, where the codec has it."""
    import av

    known = av.Codec(codec, "w").audio_rates or ()
    return rate if rate in known else _USUAL_RATE


def _from(heard: Iterator[bytearray], late: int, rate: int, wide: int) -> Iterator[bytes]:
    """``late`` samples of ``wide`` bytes after the first picture, or before it: those go."""
    silent, early = min(max(0, late), MOST_SOUND_S * rate), max(0, -late) * wide
    for at in range(0, silent, rate):
        yield bytes(min(rate, silent - at) * wide)
    for data in heard:
        rest = bytes(data[early:])
        early = max(0, early - len(data))
        if rest:
            yield rest


def _copied(source: Any, heard: Any, stream: Any, began: Fraction) -> Iterator[Any]:
    for packet in source.demux(heard):
        if packet.dts is None:
            continue
        late = round(began / packet.time_base)
        packet.dts -= late
        packet.pts = packet.dts if packet.pts is None else packet.pts - late
        packet.stream = stream
        yield packet


def _encoded(decoded: Iterator[Any], stream: Any, speed: Fraction) -> Iterator[Any]:
    import av

    context = stream.codec_context
    resampler = av.AudioResampler(
        format=context.codec.audio_formats[0].name,
        layout=context.layout,
        rate=context.rate,
        frame_size=1024 if context.name == "aac" else 960,
    )
    at = 0
    for frame in itertools.chain(_hurried(decoded, speed), (None,)):
        for fit in resampler.resample(frame):
            # One after the other; said, so that players skip what the encoder puts before them.
            fit.pts, fit.time_base, at = at, Fraction(1, context.rate), at + fit.samples
            yield from stream.encode(fit)
    yield from stream.encode(None)


def _hurried(heard: Iterator[Any], speed: Fraction) -> Iterator[Any]:
    """The frames through as many ``atempo`` filters as ``speed`` takes."""
    import av

    if speed == 1:
        yield from heard
        return
    graph: Any = None
    for frame in heard:
        if graph is None:
            graph = av.filter.Graph()
            chain = [graph.add_abuffer(template=None, format=frame.format.name,
                                       sample_rate=frame.sample_rate, layout=frame.layout.name,
                                       time_base=frame.time_base)]  # fmt: skip
            chain += [graph.add("atempo", str(float(part))) for part in _parts(speed)]
            chain.append(graph.add("abuffersink"))
            graph.link_nodes(*chain).configure()
        graph.push(frame)
        yield from _ready(graph)
    if graph is not None:
        graph.push(None)
        yield from _ready(graph)


def _parts(speed: Fraction) -> Iterator[Fraction]:
    while not _SLOWEST <= speed <= _FASTEST:
        part = _SLOWEST if speed < 1 else _FASTEST
        yield part
        speed /= part
    yield speed


def _ready(graph: Any) -> Iterator[Any]:
    import av

    while True:
        try:
            yield graph.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
