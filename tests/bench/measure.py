"""One pass over one system: every load in the same order, and what came of it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tests.bench import loads
from tests.bench import target as words
from tests.bench.figures import percentile
from tests.bench.receiver import Receiver
from tests.bench.wire import Wire

if TYPE_CHECKING:
    from pathlib import Path

    from pilotlight.ports.clock import Clock
    from tests.bench.figures import Figures
    from tests.bench.systems import System

WEBHOOK_S: Final = 10.0
"""A delivery that has not come by then is lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is asked in one pass."""

    warm_jobs: int
    jobs: int
    crowd_s: float
    burst_jobs: int
    webhooks: int
    idle_s: float


FULL: Final = Size(warm_jobs=50, jobs=400, crowd_s=3, burst_jobs=2000, webhooks=60, idle_s=3)
QUICK: Final = Size(warm_jobs=10, jobs=50, crowd_s=0.5, burst_jobs=160, webhooks=10, idle_s=0.5)


def measure(system: System, size: Size, clock: Clock) -> Figures:
    """All figures of one system that just came up."""
    figures: Figures = {"startup_s": system.startup_s}
    figures |= _from_zero(system, clock)
    loads.polled(system.target, size.warm_jobs, clock)
    figures["idle_cpu_percent"] = system.processes.cpu_percent(size.idle_s)
    figures["idle_mb"] = system.processes.pss_mb()
    figures |= _one_client(system, size, clock)
    figures["echo_jobs_per_s"] = loads.jobs_per_s(system.target, size.crowd_s, clock)
    burst = loads.burst(system.target, size.burst_jobs, clock)
    figures["burst_submits_per_s"] = burst.submits_per_s
    figures["burst_drained_per_s"] = burst.drained_per_s
    if system.jobs_file is not None:
        figures |= _webhooks(system, system.jobs_file, size.webhooks, clock)
    figures["loaded_mb"] = system.processes.pss_mb()
    return figures


def _one_client(system: System, size: Size, clock: Clock) -> Figures:
    polled = loads.polled(system.target, size.jobs, clock)
    held_open = loads.held_open(system.target, size.jobs, clock)
    whole = [1e3 * seconds for _, seconds in polled]
    return {
        "echo_latency_p50_ms": percentile(whole, 50),
        "echo_latency_p95_ms": percentile(whole, 95),
        "echo_submit_p50_ms": 1e3 * percentile([submit for submit, _ in polled], 50),
        "echo_run_p50_ms": 1e3 * percentile(held_open, 50),
        "echo_run_p95_ms": 1e3 * percentile(held_open, 95),
    }


def _from_zero(system: System, clock: Clock) -> Figures:
    """The first job; only in a system that scales does it find no replica."""
    ((_, first_s),) = loads.polled(system.target, 1, clock)
    if system.jobs_file is None:
        return {}
    ((decision_s,),) = _rows(
        system.jobs_file,
        "SELECT (SELECT min(asked_at) FROM replica) - (SELECT min(created_at) FROM job)",
    )
    return {"cold_start_s": first_s, "scale_decision_s": decision_s}


def _webhooks(system: System, jobs_file: Path, count: int, clock: Clock) -> Figures:
    """One job at a time; the end is the row's, written by the replica with the same clock."""
    arrived: dict[str, float] = {}
    wire = Wire(system.target.port)
    with Receiver(clock) as receiver:
        for n in range(count):
            message = system.target.submit(f"webhook {n}", webhook=receiver.url)
            job = words.job_id(wire.ask(message))
            arrival = receiver.next(WEBHOOK_S)
            if arrival.job_id != job:
                raise words.WrongAnswer(f"a webhook of {arrival.job_id} instead of {job}")
            arrived[job] = arrival.at
    wire.close()
    ended: dict[str, float] = dict(
        _rows(jobs_file, "SELECT id, ended_at FROM job WHERE webhook IS NOT NULL")
    )
    waits = [1e3 * (at - ended[job]) for job, at in arrived.items()]
    return {"webhook_p50_ms": percentile(waits, 50), "webhook_p95_ms": percentile(waits, 95)}


def _rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchall()
