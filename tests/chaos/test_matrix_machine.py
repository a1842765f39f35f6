"""Rows of the fault matrix that strike the machine itself: its memory, its GPU."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

import pytest

from pilotlight.contracts.job import JobStatus
from tests.chaos.rows import children
from tests.workers.misbehaving.loses_gpu import DEVICE

LIMIT_BYTES = 200 * 1024**2
GROUPS = (
    (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"),
    (Path("/sys/fs/cgroup"), "memory.max"),
)
"""Version 1 and version 2 of the kernel's memory groups."""


def row(number):
    return pytest.mark.parametrize("row", [pytest.param(number, id=f"row-{number}")])


@pytest.fixture
def group():
    """A group of processes that the kernel allows 200 MiB; skipped where we may make none."""
    for root, limit in GROUPS:
        made = root / f"pilotlight-{os.getpid()}"
        with contextlib.suppress(OSError):
            made.mkdir()
            if (made / limit).exists():
                (made / limit).write_text(str(LIMIT_BYTES))
                break
            made.rmdir()
    else:
        pytest.skip("needs to be root, and a kernel with memory groups")
    yield made
    with contextlib.suppress(OSError):  # a process that is only just dying holds it: it is empty
        made.rmdir()


def model():
    """The process of the one model that a replica in this process has started."""
    (found,) = [
        pid
        for pid in children(os.getpid())
        if Path(f"/proc/{pid}/comm").read_text().startswith("model ")
    ]
    return found


@row(21)
def test_a_model_that_the_kernel_kills_for_its_memory_costs_one_attempt_and_says_so(
    rig_of, group, tmp_path, row
):
    rig = rig_of("swells")
    started, gate = tmp_path / "started", tmp_path / "gate"
    job_id = rig.submit({"started": str(started), "gate": str(gate)})
    rig.started(started)
    (group / "cgroup.procs").write_text(str(model()))
    gate.touch()

    assert rig.output(job_id) == {"text": "small"}
    assert rig.outcomes(job_id) == ["T7", "T6"]
    error = json.loads(rig.store.attempts_of(job_id)[0].error)
    assert "SIGKILL; the system does this when memory runs out" in error["message"]


@row(22)
def test_a_replica_whose_gpu_vanishes_leases_nothing_more_and_its_job_runs_elsewhere(
    rig_of, tmp_path, monkeypatch, row
):
    device = tmp_path / "gpu"
    device.touch()
    monkeypatch.setenv(DEVICE, str(device))
    rig = rig_of("loses-gpu")
    before = rig.submit()
    rig.output(before)
    device.unlink()
    struck = rig.submit(max_attempts=4)

    assert rig.gone() == 3
    row = rig.replica_row()
    assert (row.stage, "No CUDA GPUs are available" in row.error) == ("failed", True)
    assert json.loads(rig.store.attempts_of(struck)[0].error)["code"] == "gpu_error"
    waiting = rig.submit()
    assert rig.job(waiting).status is JobStatus.QUEUED
    assert rig.outcomes(waiting) == []

    device.touch()
    rig.start("replica-2")
    pids = {rig.output(job_id)["text"] for job_id in (waiting, struck)}
    assert len(pids) == 1
    assert rig.outcomes(struck) == ["T7", "T6"]
