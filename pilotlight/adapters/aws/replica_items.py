"""A replica's row as an item, and what follows from a list of them.

::

    pk             sk        what
    REPLICA        id        that there is such a replica: what a list is made from
    REPLICA#id     REPLICA   its row

Rows are apart, because every lease writes one: a partition takes 1,000 writes a second. The list
is read consistently, so that whoever looks next sees what was asked for a moment ago.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from pilotlight.ports.fleet import ColdStart, Replica
from pilotlight.ports.register import FAILURES_S, KEPT_COLD_STARTS, RECENT_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pilotlight.adapters.aws.rows import Item

LIST: Final = {"S": "REPLICA"}
WORKER: Final = "serves"
"""Not ``worker``: with that and an end it would stand among the jobs that ended."""
_TEXTS: Final = ("id", "stage", "error", "step")
_TIMES: Final = (
    "asked_at", "loading_at", "ready_at", "active_at", "seen_at", "ended_at", "step_at", "fraction",
)  # fmt: skip
_WHOLE: Final = ("slots", "pid")


def listed(replica_id: str) -> Item:
    return {"pk": LIST, "sk": {"S": replica_id}}


def row(replica_id: str) -> Item:
    return {"pk": {"S": f"REPLICA#{replica_id}"}, "sk": {"S": "REPLICA"}}


def text(item: Mapping[str, Any], name: str) -> str | None:
    found: str | None = item.get(name, {}).get("S")
    return found


def moment(item: Mapping[str, Any], name: str) -> float | None:
    found = item.get(name, {}).get("N")
    return None if found is None else float(found)


def replica_of(item: Mapping[str, Any]) -> Replica:
    values: dict[str, Any] = {name: text(item, name) for name in _TEXTS}
    values |= {name: moment(item, name) for name in _TIMES if name in item}
    values |= {name: int(float(item[name]["N"])) for name in _WHOLE if name in item}
    worker = item[WORKER]["S"]
    return Replica(worker=worker, **values, took=json.loads(text(item, "took") or "{}"))


def shown(replicas: Iterable[Replica], *, now: float) -> list[Replica]:
    """Live ones, those that ended lately, and failures since the last success, oldest first."""
    every = sorted(replicas, key=lambda one: (one.asked_at, one.id))
    served: dict[str, float] = {}
    for one in every:
        if one.ready_at is not None and one.stage != "failed":
            served[one.worker] = one.asked_at
    return [one for one in every if _is_shown(one, served.get(one.worker, 0.0), now)]


def _is_shown(one: Replica, served: float, now: float) -> bool:
    if one.ended_at is None or one.ended_at > now - RECENT_S:
        return True
    return one.stage == "failed" and one.ended_at > now - FAILURES_S and one.asked_at > served


def started(replicas: Iterable[Replica], worker: str) -> list[ColdStart]:
    """Every cold start of the worker that went well, newest first."""
    found = [
        (
            one.ready_at,
            ColdStart(one.loading_at - one.asked_at, one.ready_at - one.loading_at, one.took),
        )
        for one in replicas
        if one.worker == worker
        and one.ready_at is not None
        and one.loading_at is not None
        and one.ready_at >= one.loading_at >= one.asked_at
    ]
    return [cold for _, cold in sorted(found, key=lambda pair: -pair[0])]


def outdated(replicas: Iterable[Replica], *, ended_before: float) -> list[str]:
    """Ended before that, and not among the newest cold starts of its worker."""
    every = sorted(replicas, key=lambda one: -(one.ready_at or 0.0))
    kept: dict[str, int] = {}
    found = []
    for one in every:
        if one.ready_at is not None:
            kept[one.worker] = kept.get(one.worker, 0) + 1
            if kept[one.worker] <= KEPT_COLD_STARTS:
                continue
        if one.ended_at is not None and one.ended_at < ended_before:
            found.append(one.id)
    return found
