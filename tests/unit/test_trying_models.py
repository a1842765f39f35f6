"""``pilotlight.testing`` fails where production would, in words for whoever writes the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest
from pydantic import BaseModel, Field

from pilotlight import Context, Endpoint, Image, Worker, WorkerSpec
from pilotlight.errors import InvalidInput, WorkerError
from pilotlight.testing import run_once

if TYPE_CHECKING:
    from pathlib import Path


class Wish(BaseModel):
    place: str
    times: int = Field(default=1, le=5)


class Drawn(BaseModel):
    image: Image


class Painter(Worker[Wish, Drawn]):
    spec: ClassVar = WorkerSpec(
        name="house-painter",
        endpoints=(Endpoint(id="acme/paint", task="acme/paint", input=Wish, output=Drawn),),
        gpu_memory_gib=0,
    )

    def run(self, job_input: Wish, context: Context) -> Drawn:
        path = context.folder / job_input.place
        path.write_bytes(b"a picture")
        return Drawn(image=Image.at(path))


def test_a_file_in_the_folder_is_fine_and_the_folder_is_made(tmp_path: Path) -> None:
    made = run_once(Painter, {"place": "a.png"}, folder=tmp_path / "new")
    assert made.image.file_size == 9


def test_a_file_elsewhere_fails_here_as_it_would_in_production(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match=r"outside of context\.folder: write it there"):
        run_once(Painter, {"place": "../a.png"}, folder=tmp_path / "new")


def test_a_wrong_input_names_its_fields(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as refused:
        run_once(Painter, {"times": 9}, folder=tmp_path)
    assert str(refused.value) == (
        "the input does not fit acme/paint: place: Field required; "
        "times: Input should be less than or equal to 5"
    )


class Copyist(Worker[Wish, Drawn]):
    spec: ClassVar = WorkerSpec(
        name="copyist",
        endpoints=(Endpoint(id="acme/copy", task="acme/copy", input=Wish, output=Drawn),),
        gpu_memory_gib=0,
    )

    def run(self, job_input: Wish, context: Context) -> Drawn:
        raise AssertionError(context.input_file(job_input.place))


def test_a_file_that_was_not_given_is_named_and_not_shown_whole(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"files=\{url: path\}") as refused:
        run_once(Copyist, {"place": "data:image/png;base64," + 9000 * "A"}, folder=tmp_path)
    assert "'data:image/png;base64,AAA" in str(refused.value)
    assert len(str(refused.value)) < 250
