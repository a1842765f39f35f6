"""Weights in S3: a prefix becomes links that anybody may read in ranges."""

from __future__ import annotations

import urllib.request

import pytest
import torch
from safetensors.torch import load_file, save

from pilotlight.adapters.aws.weights import S3Weights
from pilotlight.errors import WeightsMissing
from workers.engines import weights
from workers.engines.weights import digest as weights_digest

BODY = save({"a": torch.arange(50_000.0)})


@pytest.fixture
def store(aws):
    for name in ("flux/model.safetensors", "flux/vae/model.safetensors", "flux-2/other.json"):
        aws.bucket.s3.put_object(Bucket=aws.bucket.name, Key=f"weights/{name}", Body=BODY)
    aws.bucket.s3.put_object(Bucket=aws.bucket.name, Key="weights/flux/", Body=b"")
    return S3Weights(aws.bucket.s3)


def test_a_folder_is_its_files_and_no_others(store, aws):
    found = store.links(f"s3://{aws.bucket.name}/weights/flux")

    assert [(one.name, one.size) for one in found] == [
        ("model.safetensors", len(BODY)),
        ("vae/model.safetensors", len(BODY)),
    ]
    assert all(one.etag and "Signature" in one.url for one in found)


def test_a_bucket_that_is_not_there_and_an_empty_folder_are_named(store, aws):
    for place in ("s3://no-such-bucket-of-ours/x", f"s3://{aws.bucket.name}/nothing", "s3:///x"):
        with pytest.raises(WeightsMissing, match=place.rpartition("/")[0]):
            store.links(place)


def test_a_link_needs_no_credentials_and_gives_ranges(ministack):
    ministack.bucket.s3.put_object(
        Bucket=ministack.bucket.name, Key="w/model.safetensors", Body=BODY
    )
    (link,) = S3Weights(ministack.bucket.s3).links(f"s3://{ministack.bucket.name}/w/")
    wanted = urllib.request.Request(link.url, headers={"Range": "bytes=100-199"})

    with urllib.request.urlopen(wanted, timeout=30) as answer:
        assert (answer.status, answer.read()) == (206, BODY[100:200])


def test_weights_come_from_s3_into_memory(ministack, tmp_path):
    s3, bucket = ministack.bucket.s3, ministack.bucket.name
    s3.put_object(Bucket=bucket, Key="w/model.safetensors", Body=BODY)

    assert weights.fetch(S3Weights(s3).links(f"s3://{bucket}/w/"), tmp_path) == len(BODY)
    assert load_file(tmp_path / "model.safetensors")["a"][-1] == 49_999


@pytest.fixture
def place(ministack, ministack_account, tmp_path, monkeypatch):
    """A folder in S3 with weights and their checksums, and settings that lead there."""
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "model.safetensors").write_bytes(BODY)
    listed = weights_digest.make(tmp_path / "made")
    s3, bucket = ministack.bucket.s3, ministack.bucket.name
    s3.put_object(Bucket=bucket, Key="flux/model.safetensors", Body=BODY)
    s3.put_object(Bucket=bucket, Key=f"flux/{listed.name}", Body=listed.read_bytes())
    monkeypatch.setenv("PILOTLIGHT_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("PILOTLIGHT_AWS__ENDPOINT_URL", ministack_account.endpoint_url)
    monkeypatch.setenv("PILOTLIGHT_AWS__REGION", "us-east-1")
    return f"s3://{bucket}/flux/"


def test_a_worker_names_the_place_and_gets_a_folder_that_is_kept(place):
    told = []
    folder = weights.bring(place, told=told.append)
    assert (folder / "model.safetensors").read_bytes() == BODY
    assert told[-1] == 1.0

    written = (folder / "model.safetensors").stat().st_mtime_ns
    assert weights.bring(place) == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == written


def test_what_was_spoilt_on_this_machine_is_fetched_again(place):
    file = weights.bring(place) / "model.safetensors"
    file.write_bytes(BODY[:-3] + b"bad")

    weights.bring(place)

    assert file.read_bytes() == BODY
