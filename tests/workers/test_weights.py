"""Weights on their way here: in parallel, resumed, checked, and only safetensors."""

from __future__ import annotations

import hashlib
import json
import os

import pytest
import torch
from safetensors.torch import load_file, save_file

from pilotlight import WeightsMissing
from pilotlight.ports.weights import Link
from tests.workers.ranges import serving
from workers.engines import weights
from workers.engines.weights import digest as weights_digest
from workers.engines.weights.digest import BLOCK
from workers.engines.weights.header import WeightsRefused

NUMBERS = 5 * BLOCK // 4 + 1000
"""Six blocks, the last one short."""


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """A folder with weights of six blocks; nobody changes it."""
    folder = tmp_path_factory.mktemp("model")
    save_file({"a": torch.arange(NUMBERS, dtype=torch.int32)}, folder / "a.safetensors")
    (folder / "config.json").write_text('{"layers": 1}')
    return folder


@pytest.fixture
def server():
    with serving() as server:
        yield server


@pytest.fixture
def links(server, model):
    """Of everything in the model's folder, as a store would give them."""

    def links(**more):
        found = []
        contents = {path.name: path.read_bytes() for path in sorted(model.iterdir())} | more
        for name, body in contents.items():
            server.files[f"/{name}"] = body
            found.append(Link(name, f"{server.url}/{name}?signed=1", len(body), '"1"'))
        return found

    return links


def same(folder, model):
    here, there = (one / "a.safetensors" for one in (folder, model))
    return here.read_bytes() == there.read_bytes()


def test_what_is_fetched_is_what_was_there_and_is_mapped_as_any_other(links, tmp_path, model):
    told = []
    count = weights.fetch(links(), tmp_path, told=told.append, threads=3)

    assert same(tmp_path, model)
    assert count == sum(path.stat().st_size for path in model.iterdir())
    assert told[-1] == 1.0
    assert told == sorted(told)
    assert load_file(tmp_path / "a.safetensors")["a"][-1] == NUMBERS - 1
    assert json.loads((tmp_path / "config.json").read_text()) == {"layers": 1}


def test_ranges_are_read_by_several_connections_at_a_time(links, server, tmp_path):
    weights.fetch(links(), tmp_path, threads=2)

    ranges = [wanted for path, wanted in server.asked if path == "/a.safetensors"]
    assert len(ranges) == 2
    assert min(ranges).startswith("bytes=0-")


def test_what_broke_off_is_asked_for_from_the_block_that_is_missing(links, server, tmp_path, model):
    server.drop_after, server.drops = 2 * BLOCK + 7, 1
    weights.fetch(links()[:1], tmp_path, threads=1)

    first, second = (wanted for _, wanted in server.asked)
    assert first.startswith("bytes=0-")
    assert second.startswith(f"bytes={2 * BLOCK}-")
    assert same(tmp_path, model)


def test_the_next_process_goes_on_where_the_last_one_ended(links, server, tmp_path, model):
    server.drop_after, server.drops, server.good_for = 3 * BLOCK, 1, 1
    wanted = links()[:1]
    with pytest.raises(WeightsMissing, match=r"its link is not valid \(any more\)"):
        weights.fetch(wanted, tmp_path, threads=1)
    server.answer_with, server.good_for = 0, 9
    del server.asked[:]

    count = weights.fetch(wanted, tmp_path, threads=1)

    assert server.asked[0][1].startswith(f"bytes={3 * BLOCK}-")
    assert count == wanted[0].size - 3 * BLOCK
    assert same(tmp_path, model)


def test_what_is_here_is_not_fetched_again(links, server, tmp_path):
    weights.fetch(links(), tmp_path)
    del server.asked[:]

    assert weights.fetch(links(), tmp_path) == 0
    assert server.asked == []


def test_another_version_replaces_what_is_here(links, server, tmp_path):
    weights.fetch(links(), tmp_path)
    newer = [Link(one.name, one.url, one.size, "") for one in links()]

    assert weights.fetch(newer, tmp_path) > 0


def test_a_version_that_changes_on_the_way_is_given_up(links, tmp_path):
    old = [Link(one.name, one.url, one.size, '"0"') for one in links()]

    with pytest.raises(WeightsMissing, match="was replaced while it was read"):
        weights.fetch(old, tmp_path)


@pytest.mark.parametrize(
    ("status", "why"), [(200, "sends no ranges"), (302, "says 302"), (404, "is not there")]
)
def test_a_server_that_does_not_give_ranges_is_named(links, server, tmp_path, status, why):
    found = links()
    server.answer_with = status

    with pytest.raises(WeightsMissing, match=why):
        weights.fetch(found, tmp_path)


def test_another_range_than_was_asked_for_is_not_taken(links, server, tmp_path):
    found = links()
    server.says_range = "bytes 1-5/9"

    with pytest.raises(WeightsMissing, match="another range"):
        weights.fetch(found, tmp_path)


def digests(model):
    blocks = model / "a.safetensors"
    with blocks.open("rb") as file:
        found = [hashlib.sha256(part).hexdigest() for part in iter(lambda: file.read(BLOCK), b"")]
    described = {"block": BLOCK, "files": {}}
    described["files"]["a.safetensors"] = {"size": blocks.stat().st_size, "sha256": found}
    return described


def as_file(described):
    return {weights_digest.FILE: json.dumps(described).encode()}


def _tiny(server):
    server.files["/tiny"] = b"\2" + bytes(7) + b"{}"
    return f"{server.url}/tiny", 10, '"1"'


def test_a_block_that_the_wire_spoilt_is_read_again(links, server, tmp_path, model):
    found = links(**as_file(digests(model)))
    (listed,) = (one for one in found if one.name == weights_digest.FILE)
    (model_file,) = (one for one in found if one.name == "a.safetensors")
    weights.fetch([listed, Link("b.safetensors", *_tiny(server))], tmp_path)
    server.spoil = 1  # the list of checksums is here already

    weights.fetch([listed, model_file], tmp_path, threads=1)

    assert same(tmp_path, model)


def test_a_block_that_is_wrong_at_its_source_is_refused(links, tmp_path, model):
    described = digests(model)
    described["files"]["a.safetensors"]["sha256"][4] = "0" * 64

    with pytest.raises(WeightsRefused, match=r"a\.safetensors: block 4"):
        weights.fetch(links(**as_file(described)), tmp_path)
    assert not (tmp_path / "a.safetensors").exists()


def test_a_file_with_a_hostile_header_never_gets_its_name(links, tmp_path):
    evil = (2**62).to_bytes(8, "little") + b"{}" + bytes(100)

    with pytest.raises(WeightsRefused, match=r"evil\.safetensors is no valid"):
        weights.fetch(links(**{"evil.safetensors": evil}), tmp_path)
    assert not (tmp_path / "evil.safetensors").exists()


@pytest.mark.parametrize(
    "name", ["../up.safetensors", "/etc/x.safetensors", "a/../../x.safetensors"]
)
def test_a_name_does_not_lead_out_of_the_folder(server, tmp_path, name):
    with pytest.raises(WeightsRefused, match="leads out of the folder"):
        weights.fetch([Link(name, f"{server.url}/x", 5)], tmp_path / "in")


def test_pickles_are_left_where_they_are(links, server, tmp_path):
    weights.fetch(links(**{"model.bin": b"cos\nsystem\n"}), tmp_path)

    assert not (tmp_path / "model.bin").exists()
    assert "/model.bin" not in {path for path, _ in server.asked}


def test_only_pickles_are_no_weights(server, tmp_path):
    with pytest.raises(WeightsMissing, match="no safetensors among"):
        weights.fetch([Link("model.bin", f"{server.url}/x", 5)], tmp_path)


@pytest.fixture
def own(model, tmp_path):
    """A copy that may be changed."""
    copy = tmp_path / "own"
    copy.mkdir()
    (copy / "a.safetensors").write_bytes((model / "a.safetensors").read_bytes())
    return copy


def test_local_weights_are_read_where_they_lie(own):
    assert weights.bring(own) == own
    path = own / "a.safetensors"
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)

    first = weights.prefetch(own, threads=2)
    assert first in (0, path.stat().st_size)  # some file systems keep what they have
    assert weights.prefetch(own) == 0, "it is in memory now"


def test_local_weights_are_compared_with_their_checksums(own):
    weights_digest.make(own)
    assert weights.prefetch(own) == (own / "a.safetensors").stat().st_size

    with (own / "a.safetensors").open("r+b") as file:
        file.seek(3 * BLOCK + 5)
        file.write(b"\xff\xff")
    with pytest.raises(WeightsRefused, match="block 3"):
        weights.prefetch(own)


def test_a_folder_without_weights_says_so(tmp_path):
    with pytest.raises(WeightsMissing, match="no safetensors weights in"):
        weights.bring(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        b"[]",
        b"{}",
        b"no",
        json.dumps({"block": 5, "files": {}}).encode(),
        json.dumps({"block": BLOCK, "files": {"a": {"size": BLOCK + 1, "sha256": ["x"]}}}).encode(),
    ],
)
def test_what_is_no_list_of_checksums_is_refused(text):
    with pytest.raises(WeightsRefused, match=r"weights\.sha256\.json"):
        weights_digest.read_digests(text)
