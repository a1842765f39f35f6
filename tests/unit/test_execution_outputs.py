from __future__ import annotations

import json

import pytest

from pilotlight.adapters.local.blobs import FolderBlobs
from pilotlight.errors import BodyTooLarge, Unavailable, WorkerError
from pilotlight.execution.outputs import Outputs, find_files


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "files"
    (made / "a").mkdir(parents=True)
    (made / "b").mkdir()
    return made


def named(folder, *names):
    for name in names:
        (folder / name).write_bytes(name.encode())
    return [(folder / name).resolve().as_uri() for name in names]


def test_files_of_one_name_get_keys_of_their_own(folder, make_job):
    urls = named(folder, "a/1.png", "b/1.png", "1-1.png")
    output = json.dumps({"images": [{"url": url} for url in urls]})
    text, files = find_files(output, folder=folder, job=make_job(id="j", fence=3))
    assert [item["url"] for item in json.loads(text)["images"]] == [
        "artifact:0",
        "artifact:1",
        "artifact:2",
    ]
    keys = [file.key for file in files]
    assert len(set(keys)) == 3
    assert all(key.startswith("results/j/3/") for key in keys)


def test_a_strange_file_name_never_reaches_a_key(folder, make_job):
    [url] = named(folder, "na me?\n.png")
    _, [file] = find_files(json.dumps({"url": url}), folder=folder, job=make_job(id="j", fence=1))
    assert file.key == "results/j/1/file.png"
    assert file.file_name == "na me?\n.png"


def test_a_link_out_of_the_folder_is_refused(folder, tmp_path, make_job):
    (tmp_path / "secret").write_text("x")
    (folder / "link").symlink_to(tmp_path / "secret")
    output = json.dumps({"url": f"file://{folder}/link"})
    with pytest.raises(WorkerError, match="outside of"):
        find_files(output, folder=folder, job=make_job())


def test_a_file_that_was_never_made_is_named(folder, make_job):
    output = json.dumps({"url": f"file://{folder}/none.png"})
    with pytest.raises(WorkerError, match=r"none\.png, but the worker made no such file"):
        find_files(output, folder=folder, job=make_job())


def test_a_bare_url_in_a_list_is_a_file_and_other_text_stays_text(folder, make_job):
    [url] = named(folder, "x.txt")
    output = json.dumps({"urls": [url, "file:///etc/passwd"], "text": "file:///etc/passwd"})
    text, files = find_files(output, folder=folder, job=make_job())
    assert json.loads(text) == {
        "urls": ["artifact:0", "file:///etc/passwd"],
        "text": "file:///etc/passwd",
    }
    assert len(files) == 1


class Failing(FolderBlobs):
    """Raises each of these once, then stores."""

    errors: tuple[Exception, ...] = ()

    def put(self, key, source, **more):
        if self.errors:
            error, *self.errors = self.errors
            raise error
        return super().put(key, source, **more)


@pytest.fixture
def blobs(tmp_path, clock):
    return Failing(tmp_path / "blobs", secret=b"s" * 32, clock=clock)


def test_a_blob_store_that_hiccups_costs_no_attempt(folder, blobs, clock, make_job):
    [url] = named(folder, "a.txt")
    blobs.errors = (Unavailable("slow down"), OSError("no route"), Unavailable("slow down"))
    job = make_job(fence=1)
    stored = Outputs(blobs, clock).store(json.dumps({"url": url}), folder=folder, job=job)
    assert [blobs.info(key).size for key in stored.keys] == [5]


def test_an_error_that_stays_is_not_tried_again(folder, blobs, clock, make_job):
    [url] = named(folder, "a.txt")
    blobs.errors = (BodyTooLarge("too large"),)
    began = clock.now()
    with pytest.raises(BodyTooLarge):
        Outputs(blobs, clock).store(json.dumps({"url": url}), folder=folder, job=make_job())
    assert clock.now() == began
