"""Who publishes weights is told which commit they are, and stopped where it is another one."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from infra.weights import WrongCommit, commits, judged
from pilotlight.catalogue import discover
from pilotlight.cli import checkup
from pilotlight.settings import Settings
from tests.live import ROOT

HERE, THERE = "a" * 40, "b" * 40
REPO = "acme/model"


def cached(folder, repo, *ats):
    """As huggingface_hub lays it out."""
    for at in ats:
        snapshot = folder / f"models--{repo.replace('/', '--')}" / "snapshots" / at
        snapshot.mkdir(parents=True)
        (snapshot / "config.json").write_text("{}")
    return folder


def test_a_hubs_cache_tells_its_commits_wherever_one_stands_in_it(tmp_path):
    hub = cached(tmp_path / "hub", REPO, HERE, THERE)
    cached(hub, "acme/a--b", HERE)

    assert commits(tmp_path) == {REPO: [HERE, THERE], "acme/a--b": [HERE]}
    assert commits(hub / "models--acme--model") == {REPO: [HERE, THERE]}
    assert commits(hub / "models--acme--model" / "snapshots" / HERE) == {}


@pytest.mark.parametrize(
    ("weights", "found", "said"),
    [
        ({REPO: HERE}, {REPO: [HERE, THERE]}, f"{REPO} at {HERE}, as the worker's file pins it"),
        ({REPO: HERE}, {}, f"{REPO} at {HERE}, as the worker's file pins it"),
        ({REPO: ""}, {REPO: [HERE]}, f"revision not pinned; to keep it, write {HERE} into"),
        ({REPO: ""}, {}, "revision not pinned, and this is no hub's cache"),
        ({}, {REPO: [HERE]}, f"revision not pinned; to keep it, write {HERE} into"),
    ],
    ids=["pinned", "pinned, a plain folder", "loose", "loose, a plain folder", "another's"],
)
def test_an_owner_is_told_what_is_published(weights, found, said):
    (line,) = judged(weights, found)

    assert said in line


def test_another_commit_than_the_worker_loads_is_not_published():
    with pytest.raises(WrongCommit, match=f"at {THERE}: hf download {REPO} --revision {HERE}"):
        list(judged({REPO: HERE}, {REPO: [THERE]}))


def test_one_of_several_repositories_may_be_left_out():
    first, second = judged({REPO: HERE, "acme/other": ""}, {REPO: [HERE]})

    assert "as the worker's file pins it" in first
    assert second.startswith("acme/other: not in this folder")


def test_the_command_refuses_before_anything_is_sent(tmp_path, monkeypatch):
    folder = cached(tmp_path, "Qwen/Qwen3.5-4B", HERE)
    monkeypatch.setenv("PILOTLIGHT_WORKERS", '["workers.production"]')

    told = subprocess.run(
        [sys.executable, "-m", "infra.weights", "qwen3.5-4b", str(folder), "--bucket", "none"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip

    assert told.returncode == 2
    assert "hf download Qwen/Qwen3.5-4B --revision" in told.stderr


def test_a_model_that_is_not_pinned_is_named_by_the_doctor(tmp_path):
    found = checkup.look(Settings(data=tmp_path, workers=("workers.production",)))
    said = {one.check: one for one in found}

    assert said["weights qwen3.5-4b"].state == "ok"
    assert said["weights kandinsky5"].state == "warning"
    assert said["weights kandinsky5"].said.startswith("revision not pinned: kandinskylab/")


def test_what_is_pinned_is_a_commit_and_nothing_that_moves():
    specs = [worker.spec for worker in discover(["workers.production"]).workers.values()]

    assert all(spec.weights for spec in specs)
    pinned = {at for spec in specs for at in spec.weights.values() if at}
    assert all(re.fullmatch("[0-9a-f]{40}", at) for at in pinned)
    loose = {spec.name for spec in specs if not all(spec.weights.values())}
    unknown = {"kandinsky5", "kandinsky5-distill", "dreamomni2"}
    assert loose == unknown, "docs/production.md says so"
