"""The container's entry point outside of one: weights come first, whole or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from infra.emulated.host import entry_point
from pilotlight.adapters.aws.clients import Clients
from pilotlight.adapters.aws.prefetch import MANIFEST, Weights
from pilotlight.errors import SettingsError, Unavailable
from tests.contract.emulator import ministack, needs_ministack
from tests.live import ROOT, until

BUCKET, WORKER, PART_BYTES = "weights-bucket", "echo", 2**20


@pytest.fixture(scope="module")
def account(tmp_path_factory):
    needs_ministack()
    with ministack(tmp_path_factory.mktemp("ministack")) as url:
        clients = Clients(region="us-east-1", endpoint_url=url, emulated=True)
        yield url, clients.s3()
        clients.close()


@pytest.fixture
def published(account, tmp_path):
    """A model of two files, one of them of three parts, in the bucket."""
    _, s3 = account
    source = tmp_path / "model"
    (source / "vae").mkdir(parents=True)
    (source / "config.json").write_text("{}")
    (source / "vae" / "model.safetensors").write_bytes(os.urandom(2 * PART_BYTES + 5))
    s3.create_bucket(Bucket=BUCKET)
    Weights(s3, BUCKET, WORKER, tmp_path).publish(source, part_bytes=PART_BYTES)
    return source


def same(source, folder):
    return all(
        (folder / path.relative_to(source)).read_bytes() == path.read_bytes()
        for path in source.rglob("*")
        if path.is_file()
    )


def test_weights_arrive_whole_and_are_not_fetched_twice(account, published, tmp_path):
    _, s3 = account
    weights = Weights(s3, BUCKET, WORKER, tmp_path / "disk")
    parts = []
    assert weights.fetch(on_part=lambda: parts.append(1)) is True
    assert same(published, weights.folder)
    assert len(parts) == 4
    assert weights.fetch(on_part=lambda: parts.append(1)) is True
    assert len(parts) == 4


def test_a_download_that_was_cut_off_goes_on_where_it_was(account, published, tmp_path):
    _, s3 = account
    asked = []
    s3.meta.events.register("before-call.s3.GetObject", lambda params, **_: asked.append(params))
    weights = Weights(s3, BUCKET, WORKER, tmp_path / "disk")
    partial = weights.folder / "vae" / "model.safetensors.partial"
    partial.parent.mkdir(parents=True)
    whole = (published / "vae" / "model.safetensors").read_bytes()
    partial.write_bytes(whole[:PART_BYTES] + b"torn" + whole[PART_BYTES + 4 : PART_BYTES + 1000])

    weights.fetch()

    assert same(published, weights.folder)
    assert not partial.exists()
    ranges = [one["headers"].get("Range") for one in asked if "vae" in one["url_path"]]
    assert sorted(ranges) == [
        f"bytes={PART_BYTES}-{2 * PART_BYTES - 1}",
        f"bytes={2 * PART_BYTES}-{2 * PART_BYTES + 4}",
    ]


def test_bytes_that_were_not_published_are_never_loaded(account, published, tmp_path):
    _, s3 = account
    body = b"x" * (2 * PART_BYTES + 5)
    s3.put_object(Bucket=BUCKET, Key=f"{WORKER}/vae/model.safetensors", Body=body)
    weights = Weights(s3, BUCKET, WORKER, tmp_path / "disk")
    with pytest.raises(Unavailable, match="is not what was published"):
        weights.fetch()
    assert not (weights.folder / "vae" / "model.safetensors").exists()
    assert not (weights.folder / MANIFEST).exists()


def test_a_new_version_replaces_the_old_one(account, published, tmp_path):
    _, s3 = account
    weights = Weights(s3, BUCKET, WORKER, tmp_path / "disk")
    weights.fetch()
    (published / "config.json").write_text('{"version": 2}')
    weights.publish(published, part_bytes=PART_BYTES)
    weights.fetch()
    assert (weights.folder / "config.json").read_text() == '{"version": 2}'
    assert same(published, weights.folder)


def test_a_manifest_cannot_write_elsewhere(account, tmp_path):
    _, s3 = account
    s3.create_bucket(Bucket=BUCKET)
    manifest = b'{"part_bytes": 5, "files": [{"path": "../../x", "bytes": 1, "parts": ["a"]}]}'
    s3.put_object(Bucket=BUCKET, Key=f"{WORKER}/{MANIFEST}", Body=manifest)
    with pytest.raises(SettingsError, match="not below it"):
        Weights(s3, BUCKET, WORKER, tmp_path / "disk").fetch()


def test_a_worker_without_weights_starts_without(account, tmp_path):
    _, s3 = account
    s3.create_bucket(Bucket=BUCKET)
    assert Weights(s3, BUCKET, "nobody", tmp_path / "disk").fetch() is False


def test_the_entry_point_fetches_then_becomes_the_replica(account, published, tmp_path):
    """One process all along, so that ECS's SIGTERM reaches the replica itself."""
    url, _ = account
    log = (tmp_path / "log").open("wb")
    process = subprocess.Popen(
        [*entry_point(), WORKER, "--replica", "r1"],
        cwd=ROOT,
        env=settings_for(url, tmp_path),
        stdout=log,
        stderr=log,
    )
    try:
        until(lambda: b'"weights.fetched"' in said(tmp_path), what="the weights")
        assert (tmp_path / "data" / "alive").exists()
        assert same(published, tmp_path / "disk" / WORKER)
        until(lambda: "workers" in command_of(process.pid), what="the replica")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        log.close()


def test_a_bucket_that_does_not_answer_ends_the_task(account, tmp_path):
    url, _ = account
    env = settings_for(url, tmp_path) | {"PILOTLIGHT_WEIGHTS__BUCKET": "there-is-none"}
    done = subprocess.run(
        [*entry_point(), WORKER], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "NoSuchBucket" in done.stderr


def settings_for(url, folder):
    return {
        "PATH": os.defpath,
        "PILOTLIGHT_MODE": "aws",
        "PILOTLIGHT_DATA": str(folder / "data"),
        "PILOTLIGHT_AWS__REGION": "us-east-1",
        "PILOTLIGHT_AWS__ENDPOINT_URL": url,
        "PILOTLIGHT_AWS__EMULATED": "true",
        "PILOTLIGHT_AWS__QUEUE_URL": f"{url}/000000000000/jobs-",
        "PILOTLIGHT_WEIGHTS__BUCKET": BUCKET,
        "PILOTLIGHT_WEIGHTS__FOLDER": str(folder / "disk"),
    }


def said(folder):
    return (folder / "log").read_bytes()


def command_of(pid):
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
