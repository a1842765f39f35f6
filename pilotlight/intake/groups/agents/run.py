"""One run of an agent, as its head's row tells it, and what its rows say of each node. Reads only."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from pilotlight.contracts.agent import NOTHING, Definition, Node
from pilotlight.contracts.group import member_id
from pilotlight.contracts.job import JobStatus
from pilotlight.intake.groups.agents.graph import sound

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pilotlight.contracts.job import Job
    from pilotlight.ports.store import JobStore

DROPPED: Final = -1
"""Total of a node with ``map`` that will never run: what it needed failed."""
SKIPPED: Final = -2
"""Total of one that does not run: what it needed was skipped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What a run is made from: the head's ``input``."""

    definition: dict[str, Any]
    given: Any
    """The run's input."""
    endpoints: dict[str, str]
    """By node: what it calls, as it was found when the run began."""
    base_url: str = ""
    agent: dict[str, Any] | None = None
    """Id and version of the stored agent, if it is one."""

    def text(self) -> str:
        said = {name: getattr(self, name) for name in self.__slots__}
        return json.dumps(said, separators=(",", ":"), ensure_ascii=False)


@dataclass(slots=True)
class Spread:
    """How far members were added: a group's cursor."""

    laid: int = 0
    """Plain nodes, in order."""
    maps: dict[str, list[int]] = field(default_factory=dict)
    """By node with ``map``: how many items were added, of how many."""

    @classmethod
    def read(cls, cursor: str) -> Spread:
        return cls(**json.loads(cursor)) if cursor else cls()

    def text(self) -> str:
        return json.dumps({"laid": self.laid, "maps": self.maps}, separators=(",", ":"))


class Run:
    """Kept in memory between looks, so that no ended member is read twice for it."""

    def __init__(self, head: Job) -> None:
        self.id = head.id
        self.ticket = Ticket(**json.loads(head.input))
        self.definition = Definition.model_validate(self.ticket.definition)
        self._over: dict[str, JobStatus] = {}
        self._failed: dict[str, str] = {}
        self._skipped: set[str] = set()

    @cached_property
    def order(self) -> list[Node]:
        return sound(self.definition)

    @cached_property
    def plain(self) -> list[Node]:
        return [node for node in self.order if node.map is None]

    @cached_property
    def maps(self) -> list[Node]:
        return [node for node in self.order if node.map is not None]

    def endpoint(self, node: Node) -> str:
        return self.ticket.endpoints[node.id]

    def member_id(self, key: str) -> str:
        return member_id(self.id, key)

    def heard(self, ended: Sequence[Job]) -> None:
        for job in ended:
            self._remember(job)

    def _remember(self, job: Job) -> None:
        assert job.member is not None
        self._over[job.member] = job.status
        if job.status is JobStatus.SUCCEEDED and job.output == NOTHING:
            self._skipped.add(job.member)
        if job.status is not JobStatus.SUCCEEDED:
            self._failed.setdefault(job.member.partition(".")[0], job.member)

    def look(self, store: JobStore, key: str) -> JobStatus | None:
        """The member's status; None while there is no such row."""
        known = self._over.get(key)
        if known is not None:
            return known
        job = store.get(self.member_id(key))
        if job is not None and job.status.is_terminal:
            self._remember(job)
        return None if job is None else job.status

    def failed(self, node_id: str) -> str | None:
        """The first member of the node that is known to have ended without success."""
        return self._failed.get(node_id)

    def succeeded(self, store: JobStore, node_id: str, spread: Spread) -> bool | None:
        """Whether all of a node succeeded; None while that is open."""
        if self.failed(node_id) is not None:
            return False
        for key in self.keys(node_id, spread):
            status = None if key is None else self.look(store, key)
            if status is None or not status.is_terminal:
                return None
            if status is not JobStatus.SUCCEEDED:
                return False
        return spread.maps.get(node_id, [0, 0])[1] != DROPPED

    def skipped(self, store: JobStore, node_id: str, spread: Spread) -> bool:
        """Whether a node that has succeeded did so without running."""
        if self.definition.node(node_id).map is not None:
            return spread.maps.get(node_id, [0, 0])[1] == SKIPPED
        self.look(store, node_id)
        return node_id in self._skipped

    def keys(self, node_id: str, spread: Spread) -> Iterator[str | None]:
        """Of the node's members; None for those that are to come."""
        if self.definition.node(node_id).map is None:
            yield node_id
            return
        added, total = spread.maps.get(node_id, (0, 1))
        yield from (item_key(node_id, index) for index in range(added))
        if added < total:
            yield None


def item_key(node_id: str, index: int) -> str:
    return f"{node_id}.{index:06d}"
