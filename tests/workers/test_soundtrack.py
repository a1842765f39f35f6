"""Sound that is encoded anew stays with its pictures, whatever rate and beginning it has."""

from __future__ import annotations

from fractions import Fraction

import pytest

from tests.workers.films import a_film, heard_from, heard_s
from workers.engines.video.files import Frame, Reel, frames, write
from workers.engines.video.sound import Soundtrack


def shown_again(film, place, form="mp4", speed=Fraction(1)):
    shown = (Frame(one.pixels, one.at / speed) for one in frames(film, "video_url"))
    reel = Reel(rate=10 * speed, form=form, sound=Soundtrack(film, speed))
    write(place / f"again.{form}", shown, reel)
    return place / f"again.{form}"


@pytest.mark.parametrize(
    ("codec", "form", "speed", "begins"),
    [
        ("aac", "mp4", Fraction(1), 1.0),
        ("aac", "webm", Fraction(1), 1.0),
        ("pcm_s16le", "mp4", Fraction(1), 1.0),
        ("aac", "mp4", Fraction(1, 2), 2.0),
    ],
)
def test_sound_that_begins_later_than_the_pictures_still_does(
    tmp_path, codec, form, speed, begins
):  # fmt: skip
    film = a_film(tmp_path / "film.mkv", seconds=3, rate=10, sound=True, codec=codec, late=1)

    again = shown_again(film, tmp_path, form, speed)

    assert heard_from(again) == pytest.approx(begins, abs=0.1)


@pytest.mark.parametrize("hertz", [8_000, 11_127, 192_000])
def test_sound_at_any_rate_is_heard_and_in_step(tmp_path, hertz):
    film = a_film(tmp_path / "film.mkv", seconds=2, rate=10, sound=True, codec="pcm_s16le",
                  hertz=hertz)  # fmt: skip

    again = shown_again(film, tmp_path)

    assert heard_s(again) == pytest.approx(2, abs=0.2)
    assert heard_from(again) == pytest.approx(0, abs=0.03)
