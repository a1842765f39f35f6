"""One look of the scaler at a worker: what waits and runs, which replicas there are."""

from __future__ import annotations

import dataclasses

from pilotlight.ports.fleet import ColdStart, Replica
from pilotlight.ports.store import Load
from pilotlight.scaling.knowledge import Knowledge
from pilotlight.scaling.policies.expected_saving import ExpectedSaving
from pilotlight.scaling.policy import Snapshot, decide
from pilotlight.scaling.terms import Terms

NOW = 90_000.0


def replica(name, *, idle_s=0.0, ready=True, asked_at=None):
    since = NOW - idle_s
    made = Replica(
        id=name, worker="flux", stage="ready", asked_at=since - 200, ready_at=since - 100,
        active_at=since,
    )  # fmt: skip
    if not ready:
        asked_at = NOW - 10 if asked_at is None else asked_at
        made = dataclasses.replace(
            made, stage="loading", asked_at=asked_at, ready_at=None, active_at=0.0
        )
    return made


def known(*, cold_s=100.0, service_s=20.0, gaps=()):
    told = Knowledge()
    told.started(ColdStart(0, cold_s), NOW - 1000)
    for _ in range(10):
        told.finished(service_s)
    at = 0.0
    for gap in gaps:
        told.needs(1, at)
        told.needs(0, at + 1)
        at += 1 + gap
    told.needs(1, at)
    return told


def terms(policy=None, **limits):
    return Terms(
        worker="flux", policy=policy or ExpectedSaving(), **({"max_replicas": 50} | limits)
    )


def look(jobs, *replicas, busy=(), now=NOW, **more):
    since = dict.fromkeys(busy, (now - 5,))
    snapshot = Snapshot(jobs, replicas, frozenset(busy), since)
    own = more.pop("terms", None) or terms(more.pop("policy", None))
    more.setdefault("known", known())
    return decide(snapshot, own, now=now, **more)


def waiting(queued, running=0, *, waited_s=1.0):
    return Load(queued, running, NOW - waited_s if queued else None)
