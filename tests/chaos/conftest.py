from __future__ import annotations

import contextlib
import json
import subprocess
import sys

import pytest

from tests.live import ROOT, environment
from tests.replica_rig import PACKAGES, Rig


@pytest.fixture
def rig_of(tmp_path):
    """Makes a rig for a worker and starts its replica, unless told otherwise; all ends with the test."""
    rigs = []

    def make(worker, *, start=True, **settings):
        rig = Rig(tmp_path, worker, **settings)
        rigs.append(rig)
        if start:
            rig.start()
        return rig

    yield make
    for rig in rigs:
        rig.close()


@pytest.fixture
def process_of(rig_of):
    """Starts ``python -m workers`` on the data of a rig."""
    processes = []

    def start(worker, *arguments, replica_id="replica-1", pass_fds=(), **settings):
        rig = rig_of(worker, start=False)
        rig.rows.add(replica_id, worker, slots=1, now=rig.clock.now())
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "workers",
                worker,
                "--replica",
                replica_id,
                "--data",
                str(rig.folder),
                *arguments,
            ],
            cwd=ROOT,
            env=environment(PILOTLIGHT_WORKERS=json.dumps(PACKAGES), **settings),
            stderr=subprocess.PIPE,
            pass_fds=pass_fds,
        )
        processes.append(process)
        return rig, process

    yield start
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.communicate()
