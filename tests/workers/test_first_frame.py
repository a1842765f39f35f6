"""The sentence of a film becomes the sentence of its first picture, with room for the motion."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from PIL import Image

from training.shapes_video.clips import MOTIONS, caption, scenes
from workers.engines.video.first_frame import Framing, framed, framing, motion_in, still_words

SAID = {
    "a red circle moving right on a blue background": "a red circle on a blue background",
    "a red circle that moves to the left on blue": "a red circle on blue",
    "A Cross moving UP on white": "A Cross on white",
    "an orange square on black background, moving down": "an orange square on black background",
    "an orange square growing on a black background": "an orange square on a black background",
    "a white cross, not moving, on red": "a white cross, on red",
    "a video of a blue circle which is sliding upwards": "a blue circle",
    "a blue circle on the left moving up": "a blue circle on the left",
    "a green square on red": "a green square on red",
    "a blue circle to the right of nothing": "a blue circle to the right of nothing",
}


@pytest.mark.parametrize(("said", "drawn"), SAID.items(), ids=list(SAID))
def test_a_picture_is_asked_for_without_the_motion(said, drawn):
    assert still_words(said) == drawn


def test_every_way_to_say_a_motion_is_understood_and_leaves_no_word_behind():
    rng = Random(2)
    for scene in scenes():
        said = caption(scene, rng)
        drawn = still_words(said)

        assert motion_in(said) == MOTIONS[scene.motion]
        assert motion_in(drawn) is None
        assert not {"moving", "moves", "that", "still"} & set(drawn.replace(",", " ").split())


@pytest.mark.parametrize(
    ("said", "column", "row"),
    [("moving right", 21, 32), ("moving left", 43, 32), ("moving up", 32, 43), ("moving down", 32, 21),
     ("growing", 32, 32), ("staying still", 32, 32)],
)  # fmt: skip
def test_what_is_drawn_in_the_middle_begins_where_it_has_room_to_move(said, column, row):
    picture = Image.new("RGB", (96, 96), "blue")
    picture.paste("red", (38, 38, 58, 58))

    seen = np.asarray(framed(picture, framing(f"a red circle {said} on blue")).resize((64, 64)))

    red = np.argwhere(seen[..., 0] > 128)
    assert np.allclose(red.mean(0) + 0.5, (row, column), atol=1)
    assert (seen[[0, 0, -1, -1], [0, -1, 0, -1]] == (0, 0, 255)).all()


@pytest.mark.parametrize(
    "said", ["a small red circle moving up", "a red circle on the left moving up"]
)
def test_a_place_or_a_size_that_somebody_asks_for_stays(said):
    assert framing(said) == Framing()
