"""A worker file tried from the command line, in its own process."""

from __future__ import annotations

import json
import sys

import pytest
from PIL import Image
from typer.testing import CliRunner

from pilotlight.cli import app

WORKER = """
from typing import ClassVar

from PIL import Image as Picture
from pydantic import BaseModel

from pilotlight import Context, Endpoint, Image, ImageUrl, Worker, WorkerSpec


class Input(BaseModel):
    image_url: ImageUrl = ""
    break_it: bool = False


class Output(BaseModel):
    image: Image | None = None


class Grey(Worker[Input, Output]):
    spec: ClassVar = WorkerSpec(
        name="grey",
        endpoints=(Endpoint(id="acme/grey", task="acme/grey", input=Input, output=Output),),
        gpu_memory_gib=0,
        timeout_s=60,
    )

    def run(self, job_input: Input, context: Context) -> Output:
        print("printed")
        context.log("logged")
        context.progress(0.5, "half")
        if job_input.break_it:
            return {}["nothing"]
        if not job_input.image_url:
            return Output()
        path = context.folder / "grey.png"
        picture = Picture.open(context.input_file(job_input.image_url)).convert("L")
        picture.save(path)
        return Output(image=Image.at(path, width=picture.width, height=picture.height))


WORKER = Grey
"""


@pytest.fixture
def tried(tmp_path, monkeypatch):
    """`pilotlight try acme/grey` with these words, in a folder with that one worker file."""
    package = tmp_path / "greys"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "grey.py").write_text(WORKER)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setenv("PILOTLIGHT_WORKERS", '["greys"]')
    yield lambda *words: CliRunner().invoke(app, ["try", *words])
    for name in [name for name in sys.modules if name.partition(".")[0] == "greys"]:
        del sys.modules[name]


def test_the_output_is_alone_on_standard_output(tried, tmp_path):
    done = tried("acme/grey")

    assert done.exit_code == 0
    assert json.loads(done.stdout) == {"image": None}
    assert done.stderr.splitlines() == ["printed", "logged", "50% half"]
    assert [one.name for one in tmp_path.iterdir()] == ["greys"]


def test_a_picture_goes_in_and_a_picture_comes_out(tried, tmp_path):
    Image.new("RGB", (6, 4), "red").save(tmp_path / "red.png")

    done = tried("acme/grey", "--file", "image_url=red.png", "--save", "out")

    image = json.loads(done.stdout)["image"]
    assert image["url"] == str(tmp_path / "out" / "grey.png")
    assert (image["width"], image["height"]) == (6, 4)
    with Image.open(image["url"]) as saved:
        assert saved.mode == "L"


def test_a_failure_begins_at_the_authors_line(tried):
    done = tried("acme/grey", "break_it=true")

    assert done.exit_code == 1
    assert "KeyError: 'nothing'" in done.stderr
    traced = [line for line in done.stderr.splitlines() if line.startswith("  File")]
    assert len(traced) == 1
    assert "grey.py" in traced[0]


REFUSED = {
    "no such endpoint": (["acme/gray"], 4, "did you mean acme/grey?"),
    "no such field": (["acme/grey", "breakit=true"], 2, "did you mean break_it?"),
    "a value of the wrong kind": (["acme/grey", "break_it=5"], 2, "true or false"),
    "no such file": (["acme/grey", "--file", "image_url=none.png"], 2, "a file that is there"),
}


@pytest.mark.parametrize(("words", "code", "told"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_tried_is_told_as_submit_would(tried, words, code, told):
    done = tried(*words)

    assert done.exit_code == code
    assert told in done.stderr


def test_a_folder_without_worker_files_is_named(tried, monkeypatch):
    monkeypatch.setenv("PILOTLIGHT_WORKERS", '["nowhere"]')
    done = tried("acme/grey")

    assert done.exit_code == 2
    assert "run this in the folder that holds nowhere" in done.stderr
