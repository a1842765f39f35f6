"""A run as its caller sees it: the graph, where each node is, and why."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pilotlight.contracts.agent import NOTHING
from pilotlight.contracts.job import HELD, READY, JobStatus
from pilotlight.intake import outputs
from pilotlight.intake.groups.agents.run import DROPPED, SKIPPED, Run, Spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pilotlight.contracts.agent import Node
    from pilotlight.contracts.job import Job
    from pilotlight.intake.groups.agents.room import Room
    from pilotlight.ports.blobs import Blobs
    from pilotlight.ports.groups import GroupStore
    from pilotlight.ports.store import JobStore

_ORDER: Final = (
    "failed", "expired", "cancelled", "running", "queued", "waiting", "succeeded", "skipped",
)  # fmt: skip
"""What a node with several jobs is: the first of these that any of them is."""


@dataclass(frozen=True, slots=True)
class NodeView:
    """``status`` is waiting, queued, running, succeeded, skipped, failed, cancelled or expired."""

    node: Node
    endpoint: str
    status: str
    keys: Sequence[str]
    """Of its members; none before they are made."""
    counts: Counter[str]
    """How many of them are what."""
    total: int | None
    """Of a node with ``map``, once its list is there."""
    telling: Job | None
    """The member that tells of the node: its only one, or the first that is why it is so."""

    @property
    def error(self) -> dict[str, Any] | None:
        text = None if self.telling is None else self.telling.error
        return json.loads(text) if text else None


@dataclass(frozen=True, slots=True)
class RunView:
    run: Run
    status: str
    """``running`` until the run is over."""
    nodes: Sequence[NodeView]


@dataclass(frozen=True, slots=True)
class _Look:
    head: Job
    run: Run
    spread: Spread
    store: JobStore

    def node(self, node: Node, members: list[tuple[str, JobStatus]]) -> NodeView:
        return self._plain(node) if node.map is None else self._spread_out(node, members)

    def _plain(self, node: Node) -> NodeView:
        """By its own row, which is never late."""
        job = self.store.get(self.run.member_id(node.id))
        skipped = job is not None and job.output == NOTHING
        counts = Counter([] if job is None else ["skipped" if skipped else _word(job.status)])
        keys = [] if job is None else [node.id]
        status = self._status(None, counts)
        return NodeView(node, self.run.endpoint(node), status, keys, counts, None, job)

    def _spread_out(self, node: Node, members: list[tuple[str, JobStatus]]) -> NodeView:
        total = self.spread.maps.get(node.id, (0, None))[1]
        counts = Counter(_word(status) for _, status in members)
        if self.head.status is JobStatus.SUCCEEDED and total is not None and total > 0:
            counts = Counter(succeeded=total)  # whatever an index that is late may say
        status = self._status(total, counts)
        shown = None if total in (DROPPED, SKIPPED) else total
        keys = [key for key, _ in members]
        telling = self._telling(status, members)
        return NodeView(node, self.run.endpoint(node), status, keys, counts, shown, telling)

    def _status(self, total: int | None, counts: Counter[str]) -> str:
        if total == SKIPPED:
            return "skipped"
        over, found = self.head.status.is_terminal, set(counts)
        if total == DROPPED or (not counts and over and total != 0):
            return "cancelled"
        if not counts:
            return "succeeded" if total == 0 else "waiting"
        if total is not None and counts.total() < total:
            found.add("cancelled" if over else "waiting")
        status = next(word for word in _ORDER if word in found)
        return "running" if status == "waiting" and len(found) > 1 else status

    def _telling(self, status: str, members: list[tuple[str, JobStatus]]) -> Job | None:
        if status not in ("failed", "expired", "cancelled"):
            return None
        wanted = next((key for key, one in members if _word(one) == status), None)
        return None if wanted is None else self.store.get(self.run.member_id(wanted))


def look(head: Job, groups: GroupStore, store: JobStore) -> RunView:
    """Reads a row for each node, and of items no more than their statuses. Blocks on the store."""
    run, tally = Run(head), groups.tally(head.id)
    spread = Spread.read(tally.cursor if tally else "")
    by_node: dict[str, list[tuple[str, JobStatus]]] = {}
    for key, status in groups.statuses(head.id):
        by_node.setdefault(key.partition(".")[0], []).append((key, status))
    seen = _Look(head, run, spread, store)
    nodes = [seen.node(node, by_node.get(node.id, [])) for node in run.order]
    return RunView(run, str(head.status) if head.status.is_terminal else "running", nodes)


def _word(status: JobStatus) -> str:
    if status in READY:
        return "queued"
    return "running" if status in HELD else str(status)


def output_of(
    node: NodeView, run: Run, store: JobStore, blobs: Blobs, *, base_url: str, room: Room
) -> Any:
    """Of a node that succeeded: one output, or a list of them. Raises TooMuch, and reads no further,
    where they are longer than there is room for.
    """
    found = []
    for key in node.keys:
        job = store.get(run.member_id(key))
        if job is not None and job.status is JobStatus.SUCCEEDED:
            room.take(job.output)
            found.append(json.loads(outputs.render(job, blobs, base_url=base_url)))
    return found if node.node.map is not None else next(iter(found), None)
