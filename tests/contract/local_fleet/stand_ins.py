"""Programs that stand in for replicas, and looks at them."""

from __future__ import annotations

import functools
import sys
from pathlib import Path

from pydantic import BaseModel

from pilotlight.adapters.local import processes
from pilotlight.contracts.worker import Endpoint, WorkerSpec
from tests import live
from tests.contract.fleet_suite import stages

STAND_IN = Path(__file__).parents[1] / "programs" / "stand_in.py"
COMMAND = (sys.executable, str(STAND_IN))


class Nothing(BaseModel):
    pass


def spec(name):
    endpoint = Endpoint(id=f"test/{name}", task="test", input=Nothing, output=Nothing)
    return WorkerSpec(name=name, endpoints=(endpoint,), gpu_memory_gib=0, jobs_per_replica=2)


NAMES = ("quiet", "serves", "broken", "leaves", "says-why", "stubborn", "with-child")
SPECS = {name: spec(name) for name in NAMES}
until = functools.partial(live.until, what="the fleet to get there")


def only(fleet):
    (replica,) = fleet.replicas()
    return replica


def start(fleet, worker):
    """Start one; its id once it runs."""
    before = stages(fleet)
    fleet.start(worker, 1)
    (new,) = stages(fleet).keys() - before.keys()
    return new


def ready(fleet, worker):
    replica_id = start(fleet, worker)
    until(lambda: stages(fleet)[replica_id] == "ready")
    return replica_id


def is_gone(pid):
    return processes.started_at(pid) is None
