"""Films for tests: a striped, spotted wall that slides by, with or without a rising tone."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np

WIDTH, HEIGHT = 96, 64


def wall(shift):
    """The wall, moved ``shift`` pixels to the right: smooth, so that halves of pixels exist."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(float)
    x = x - shift
    red = 128 + 70 * np.sin(x / 5) * np.cos(y / 7) + 40 * np.sin((x + y) / 11)
    green = 120 + 60 * np.cos(x / 8 + y / 6)
    blue = 130 + 80 * np.sin(x / 13) * np.sin(y / 4)
    return np.stack((red, green, blue), 2).clip(0, 255).round().astype(np.uint8)


def a_film(
    path, *, seconds, rate, speed=4, sound=False, cut_at=None, codec="aac", hertz=44_100, late=0
):  # fmt: skip
    """``speed`` in pixels a frame; from frame ``cut_at`` on everything is black. The sound, in
    ``hertz``, begins ``late`` seconds after the pictures."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        heard = container.add_stream(codec, rate=hertz, layout="mono") if sound else None
        for number in range(round(seconds * rate)):
            pixels = wall(speed * number)
            if cut_at is not None and number >= cut_at:
                pixels = np.zeros_like(pixels)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if heard is not None:
            for packet in _tone(heard, seconds - late, hertz, late * hertz):
                container.mux(packet)
    return path


def _tone(stream, seconds, hertz, at):
    t = np.arange(round(seconds * hertz)) / hertz
    samples = (12_000 * np.sin(2 * np.pi * (300 + 200 * t) * t)).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate = hertz
    form = stream.codec_context.codec.audio_formats[0].name
    fitted = av.AudioResampler(format=form, layout="mono", rate=hertz, frame_size=1024)
    for part in [*fitted.resample(frame), *fitted.resample(None)]:
        part.pts, part.time_base, at = at, Fraction(1, hertz), at + part.samples
        yield from stream.encode(part)
    yield from stream.encode(None)


def sound_of(path):
    """Its packets, bit for bit."""
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def heard_s(path):
    """How long its sound lasts, in seconds."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        return float(Fraction(sum(f.samples for f in container.decode(stream)), stream.rate))


def heard_from(path):
    """When its first loud sample is heard, in seconds."""
    with av.open(str(path)) as container:
        for frame in container.decode(container.streams.audio[0]):
            loud = np.flatnonzero(np.abs(frame.to_ndarray().astype(float)[0]) > 0.1)
            if len(loud):
                return float(frame.time) + loud[0] / frame.rate
    return None
