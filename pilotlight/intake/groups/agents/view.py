"""A run as its caller sees it: the graph, where each node is, and why."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pilotlight.contracts.job import HELD, READY, JobStatus
from pilotlight.intake import outputs
from pilotlight.intake.groups.agents.run import DROPPED, Run, Spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pilotlight.contracts.agent import Node
    from pilotlight.contracts.job import Job
    from pilotlight.ports.blobs import Blobs
    from pilotlight.ports.groups import GroupStore

_PAGE: Final = 500
_ORDER: Final = ("failed", "expired", "cancelled", "running", "queued", "waiting", "succeeded")
"""What a node with several jobs is: the first of these that any of them is."""


@dataclass(frozen=True, slots=True)
class NodeView:
    """``status`` is waiting, queued, running, succeeded, failed, cancelled or expired."""

    node: Node
    endpoint: str
    status: str
    jobs: Sequence[Job]
    """None before they are made."""
    total: int | None
    """Of a node with ``map``, once its list is there."""
    error: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class RunView:
    run: Run
    status: str
    """``running`` until the run is over."""
    nodes: Sequence[NodeView]


def look(head: Job, groups: GroupStore) -> RunView:
    """Reads the rows of every member. Blocks on the store."""
    run, tally = Run(head), groups.tally(head.id)
    spread = Spread.read(tally.cursor if tally else "")
    by_node: dict[str, list[Job]] = {}
    for job in _members(head, groups):
        by_node.setdefault((job.member or "").partition(".")[0], []).append(job)
    status = str(head.status) if head.status.is_terminal else "running"
    nodes = [_seen(head, run, spread, node, by_node.get(node.id, [])) for node in run.order]
    return RunView(run, status, nodes)


def _members(head: Job, groups: GroupStore) -> list[Job]:
    found: list[Job] = []
    while True:
        after = found[-1].member or "" if found else ""
        page = groups.members(head.id, after=after, limit=_PAGE)
        found += page
        if len(page) < _PAGE:
            return found


def _seen(head: Job, run: Run, spread: Spread, node: Node, jobs: list[Job]) -> NodeView:
    total = None if node.map is None else spread.maps.get(node.id, (0, None))[1]
    dropped = total == DROPPED
    statuses = {_word(job) for job in jobs}
    if dropped or (not jobs and head.status.is_terminal and total != 0):
        statuses.add("cancelled")
    elif not jobs:
        statuses.add("succeeded" if total == 0 else "waiting")
    elif total is not None and len(jobs) < total:
        statuses.add("cancelled" if head.status.is_terminal else "waiting")
    status = next(word for word in _ORDER if word in statuses)
    if status == "waiting" and len(statuses) > 1:
        status = "running"
    why = next((job for job in jobs if _word(job) == status and job.error), None)
    error = json.loads(why.error or "null") if why is not None else None
    return NodeView(node, run.endpoint(node), status, jobs, None if dropped else total, error)


def _word(job: Job) -> str:
    if job.status in READY:
        return "queued"
    return "running" if job.status in HELD else str(job.status)


def output_of(node: NodeView, blobs: Blobs, *, base_url: str) -> Any:
    """Of a node that succeeded: one output, or a list of them."""
    found = [
        json.loads(outputs.render(job, blobs, base_url=base_url))
        for job in node.jobs
        if job.status is JobStatus.SUCCEEDED
    ]
    return found if node.node.map is not None else found[0]
