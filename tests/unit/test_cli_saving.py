"""A result's files, found and named."""

from __future__ import annotations

import base64

import pytest

from pilotlight.cli.client import Api
from pilotlight.cli.saving import ResultFile, files_in, save, stem_of
from pilotlight.errors import InvalidInput

NOWHERE = Api("http://127.0.0.1:9")
"""Inline files need no server."""


def inline(body, kind="image/png", **more):
    data = base64.b64encode(body).decode()
    return {"url": f"data:{kind};base64,{data}", "content_type": kind, **more}


def at(url, **more):
    return {"url": url, "file_size": 1, **more}


FOUND = {
    "the name says the kind": (at("http://a/x", file_name="b.jpg"), [".jpg"]),
    "or the address": (at("http://a/b/c.webp?sig=d.e"), [".webp"]),
    "or the content type": (at("http://a/b", content_type="image/png"), [".png"]),
    "or nothing": (at("http://a/b"), [""]),
    "a kind is a few letters": (at("http://a/b", file_name="c.p/../../ng"), [""]),
    "a list keeps its order": ([at("http://a/1.png"), at("http://a/2.jpg")], [".png", ".jpg"]),
    "deep inside": ({"a": {"b": [{"c": at("http://a/1.png")}]}}, [".png"]),
    "a link is no file": ({"url": "http://a/b.png", "title": "see"}, []),
    "text is no file": ("http://a/b.png", []),
}


@pytest.mark.parametrize(("output", "suffixes"), FOUND.values(), ids=FOUND)
def test_what_is_a_file_in_an_output(output, suffixes):
    assert [file.suffix for file in files_in(output)] == suffixes


def test_a_file_is_known_by_its_url():
    assert list(files_in(at("http://a/1.png"))) == [ResultFile("http://a/1.png", ".png")]


def test_weights_are_saved_as_what_they_are():
    lora = at("http://a/1") | {
        "file_name": "lora.safetensors", "content_type": "application/octet-stream"
    }  # fmt: skip
    assert [one.suffix for one in files_in(lora)] == [".safetensors"]


def test_files_are_saved_in_order_and_never_over_another(tmp_path):
    output = {"images": [inline(b"one"), inline(b"two", "image/jpeg")], "seed": 7}

    first = save(NOWHERE, output, tmp_path / "new" / "folder", "star")
    again = save(NOWHERE, output, tmp_path / "new" / "folder", "star")

    assert [path.name for path in first] == ["star-0.png", "star-1.jpg"]
    assert [path.name for path in again] == ["star-0-2.png", "star-1-2.jpg"]
    assert [path.read_bytes() for path in first + again] == [b"one", b"two"] * 2


def test_a_result_without_files_makes_no_folder(tmp_path):
    assert save(NOWHERE, {"text": "hi"}, tmp_path / "new", "star") == []
    assert not (tmp_path / "new").exists()


def test_a_file_that_is_not_what_it_says_leaves_nothing_behind(tmp_path):
    broken = {"url": "data:image/png;base64,***", "content_type": "image/png"}

    with pytest.raises(InvalidInput, match="data URI"):
        save(NOWHERE, broken, tmp_path, "star")

    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_is_refused(tmp_path):
    (tmp_path / "taken").write_text("a file")

    with pytest.raises(InvalidInput, match="cannot write"):
        save(NOWHERE, inline(b"x"), tmp_path / "taken", "star")


@pytest.mark.parametrize(
    ("endpoint", "stem"),
    [
        ("pilotlight/shapes", "shapes-9abcdef0"),
        ("a/b/c", "c-9abcdef0"),
        ("a/..", "..-9abcdef0"),
        ("a/b c", "b-c-9abcdef0"),
        ("", "result-9abcdef0"),
    ],
)
def test_a_file_is_named_after_its_endpoint_and_job(endpoint, stem):
    assert stem_of(endpoint, "01983f60-0000-7000-8000-123456789abcdef0"[-36:]) == stem
