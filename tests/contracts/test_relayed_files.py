"""A worker that takes whatever comes gets the files of whatever contract its callers know."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from pilotlight import Endpoint, Route, WorkerSpec
from pilotlight.adapters.local.blobs import FolderBlobs
from pilotlight.contracts.artifact import BLOB_SCHEME
from pilotlight.execution.inputs import Inputs

EDIT = "fal-ai/flux-pro/kontext/max/multi"


class Anything(BaseModel):
    model_config = ConfigDict(extra="allow")


def spec(**route):
    own = Endpoint(id="acme/relay", task="acme/relay", input=Anything, output=Anything)
    return WorkerSpec(
        name="relay",
        endpoints=(own,),
        routes=(Route(endpoint=EDIT, **route),),
        upstream="fal.ai",
        gpu_memory_gib=0,
    )


@pytest.fixture
def blobs(tmp_path, clock):
    blobs = FolderBlobs(tmp_path / "files", secret=b"s" * 32, clock=clock)
    for name in ("one", "two"):
        blobs.put(f"inputs/alice/{name}", name.encode(), content_type="image/png")
    return blobs


def a_job(make_job, **body):
    return make_job(endpoint=EDIT, worker="relay", input=json.dumps(body))


def test_files_are_brought_where_the_callers_contract_has_them(blobs, make_job, tmp_path):
    urls = [f"{BLOB_SCHEME}inputs/alice/{name}" for name in ("one", "two")]
    job = a_job(make_job, prompt="both", image_urls=urls)
    inputs = Inputs(spec(), blobs)

    assert inputs.has_files(job)
    fetched = inputs.fetch(job, tmp_path / "inputs")
    assert {url: Path(path).read_text() for url, path in fetched.items()} == dict(
        zip(urls, ("one", "two"), strict=True)
    )


def test_text_that_looks_like_a_file_of_ours_is_none(blobs, make_job, tmp_path):
    job = a_job(make_job, prompt=f"{BLOB_SCHEME}inputs/alice/one", image_urls=["https://a.b/c"])

    assert Inputs(spec(), blobs).fetch(job, tmp_path / "inputs") == {}


def test_a_field_that_was_renamed_into_a_files_place_is_no_file(blobs, make_job):
    job = a_job(make_job, image_urls=[f"{BLOB_SCHEME}inputs/alice/one"], prompt="a")

    assert not Inputs(spec(rename={"prompt": "image_urls"}), blobs).has_files(job)
