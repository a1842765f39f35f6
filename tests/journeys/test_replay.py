"""An hour of traffic, thirty times as fast, through the real product and through the simulator."""

from __future__ import annotations

import statistics
import threading
import time

import pytest

from pilotlight.adapters.local.database import Database
from pilotlight.adapters.local.learned import SqliteLearned
from pilotlight.scaling.simulation.contest import Entry, Site, replay
from pilotlight.scaling.simulation.trace import Arrival
from tests.live import until, up
from tests.traffic import flat

FASTER = 30
HOUR_S = 3600 / FASTER
KEEP_S = 4.0
REPLICAS = 6
SETTINGS = {
    "WORKERS": '["tests.journeys.paced"]',
    "SCALING__POLICY": "keep-alive",
    "SCALING__KEEP_ALIVE_S": str(KEEP_S),
    "SCALING__SPARE_S": str(KEEP_S),
    "SCALING__PATIENCE_S": "0",
    "SCALING__TICK_S": "0.25",
}


def traffic():
    """Quiet stretches and lively ones, so that replicas come and go."""
    calm = flat(1, per_hour=600, service_s=0.8, hours=HOUR_S / 3600)
    lively = flat(2, per_hour=2400, service_s=0.8, hours=HOUR_S / 3600)
    kept = [one for one in lively if one.at % 40 < 12] + [one for one in calm if one.at % 40 >= 25]
    return sorted(kept, key=lambda one: one.at)


def send(live, arrivals):
    """Each job when its time has come; the times at which they really came."""
    began = time.monotonic()
    for one in arrivals:
        threading.Event().wait(max(0.0, began + one.at - time.monotonic()))
        live.submit("test/paced", {"run_s": one.service_s})


def measured(database, count):
    """Waits, replica-seconds, cold starts and the arrivals, from the rows."""
    runs = SqliteLearned(database).finished(after=0, limit=10_000)
    assert len(runs) == count
    first = min(run.created_at for run in runs)
    came = [Arrival(run.created_at - first, "paced", run.ended_at - run.started_at) for run in runs]
    lives = database.read("SELECT asked_at, ready_at, ended_at FROM replica").fetchall()
    cold_s = statistics.mean(ready - asked for asked, ready, _ in lives if ready is not None)
    waits = [run.started_at - run.created_at for run in runs]
    return came, waits, sum(ended - asked for asked, _, ended in lives), cold_s


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_what_really_happens_is_what_the_simulator_says(tmp_path):
    arrivals = traffic()
    with up(tmp_path / "data", settings=SETTINGS) as live:
        send(live, arrivals)
        database = Database(tmp_path / "data" / "jobs.db")
        until(
            lambda: not database.read("SELECT 1 FROM replica WHERE ended_at IS NULL").fetchall(),
            what="every replica to go",
        )
        came, waits, replica_s, cold_s = measured(database, len(arrivals))
        database.close()

    site = Site(cold_start_s=cold_s, max_replicas=REPLICAS)
    predicted = replay(sorted(came, key=lambda one: one.at), Entry("keep-alive", KEEP_S), site)

    said = f"waits {statistics.mean(waits):.2f} s, simulated {statistics.mean(predicted.waits):.2f}"
    said += f"; replica-seconds {replica_s:.1f}, simulated {predicted.gpu_s:.1f}"
    assert statistics.mean(waits) == pytest.approx(statistics.mean(predicted.waits), rel=0.1), said
    assert replica_s == pytest.approx(predicted.gpu_s, rel=0.1), said
