"""What the author's ``File.at`` makes goes into every output that the contracts know."""

from __future__ import annotations

import pytest

import pilotlight
from pilotlight.contracts.endpoints.shapes import PlainImage
from pilotlight.contracts.tasks.images import Generated, Images
from pilotlight.contracts.tasks.video import Film


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"picture")
    return pilotlight.Image.at(path, width=3, height=2)


def test_a_workers_picture_is_a_task_types_picture(picture):
    for shown in (Images(images=[picture]).images[0], Generated(data=[picture]).data[0]):
        assert (shown.url, shown.content_type) == (picture.url, "image/png")
        assert (shown.width, shown.height, shown.file_size) == (3, 2, 7)
    assert PlainImage.model_validate(picture).url == picture.url


def test_a_workers_file_is_a_task_types_film(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"film")
    film = Film(video=pilotlight.File.at(path)).video

    assert (film.content_type, film.file_size, film.num_frames) == ("video/mp4", 4, None)
