"""Films whose frames' times are not in order are written all the same."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest

from workers.engines.video import files as video_files


def a_film_at(path, milliseconds):
    """One frame at each of these times, whatever they are."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        packets = []
        for number in range(len(milliseconds)):
            pixels = np.full((48, 64, 3), 30 * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            packets += stream.encode(frame)
        for packet, at in zip([*packets, *stream.encode(None)], milliseconds, strict=True):
            packet.pts, packet.dts, packet.time_base = at, at, Fraction(1, 1000)
            container.mux(packet)
    return path


def a_film_that_grows(path):
    """As calls are recorded: better pictures when the line is better."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for number, (width, height) in enumerate([(64, 48), (64, 48), (128, 96)]):
            coder = av.CodecContext.create("mjpeg", "w")
            coder.width, coder.height, coder.pix_fmt = width, height, "yuvj420p"
            coder.time_base = Fraction(1, 10)
            pixels = np.full((height, width, 3), 80 * number, np.uint8)
            for packet in coder.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")):
                packet.pts = packet.dts = number * 100
                packet.time_base, packet.stream = Fraction(1, 1000), stream
                container.mux(packet)
    return path


def test_a_film_whose_frames_grow_has_the_sides_that_it_began_with(tmp_path):
    film = a_film_that_grows(tmp_path / "film.mkv")

    shown = [one.pixels for one in video_files.frames(film, "f")]

    assert [one.shape for one in shown] == [(48, 64, 3)] * 3
    assert shown[2].mean() == pytest.approx(160, abs=3)


@pytest.mark.parametrize("form", ["mp4", "webm"])
def test_frames_that_are_shown_for_no_time_are_left_out(tmp_path, form):
    film = a_film_at(tmp_path / "film.mkv", [0, 0, 0, 100, 100, 200])
    reel = video_files.Reel(rate=Fraction(10), form=form)

    made = video_files.write(tmp_path / f"a.{form}", video_files.frames(film, "f"), reel)

    assert (made.num_frames, made.duration) == (3, 0.3)
    shown = list(video_files.frames(tmp_path / f"a.{form}", "f"))
    assert [float(one.at) for one in shown] == pytest.approx([0, 0.1, 0.2])
