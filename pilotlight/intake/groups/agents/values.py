"""The values behind a run's templates: its input, and outputs of nodes with their files."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pilotlight.contracts import templates
from pilotlight.contracts.artifact import ARTIFACT_SCHEME, ARTIFACTS, place_in
from pilotlight.contracts.templates import Missing
from pilotlight.intake import outputs
from pilotlight.intake.groups.agents.room import MOST_READ, Room, TooMuch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pilotlight.contracts.agent import Node
    from pilotlight.contracts.artifact import Artifact
    from pilotlight.contracts.job import Job
    from pilotlight.intake.groups.agents.run import Run, Spread
    from pilotlight.ports.blobs import Blobs
    from pilotlight.ports.store import JobStore


@dataclass(slots=True)
class Values:
    """Reads each output once. Raises Missing for what an output turned out not to have, TooMuch for
    more of it than fits into one input."""

    run: Run
    spread: Spread
    store: JobStore
    blobs: Blobs
    _outputs: dict[str, Any] = field(default_factory=dict)

    def rendered(self, value: Any, room: Room, **more: Any) -> Any:
        """``more`` are ``item`` and ``index``."""
        return templates.rendered(value, lambda path: room.take(self._at(path, more)))

    def holds(self, node: Node) -> bool:
        """Whether the node is to run, now that all it needs is there."""
        if node.condition is None:
            return node.when is None or bool(node.when)
        wanted, template = node.condition
        try:
            return bool(self.rendered(template, Room(MOST_READ))) is wanted
        except Missing:
            return not wanted

    def _at(self, path: tuple[str, ...], more: dict[str, Any]) -> Any:
        root, *rest = path
        if root == "nodes":
            output = self.output(rest[0])
            return None if output is None else templates.at(output, tuple(rest[2:]))
        scope = self.run.ticket.given if root == "input" else more[root]
        return templates.at(scope, tuple(rest))

    def output(self, node_id: str) -> Any:
        """Of a node whose members have succeeded; None for one that was skipped."""
        if self.run.skipped(self.store, node_id, self.spread):
            return None
        if node_id not in self._outputs:
            found = list(self._all_of(node_id))
            plain = self.run.definition.node(node_id).map is None
            self._outputs[node_id] = found[0] if plain else found
        return self._outputs[node_id]

    def _all_of(self, node_id: str) -> Iterator[Any]:
        read = 0
        for key in filter(None, self.run.keys(node_id, self.spread)):
            job = self.store.get(self.run.member_id(key))
            assert job is not None
            read += len(job.output or "")
            if read > MOST_READ:
                raise TooMuch(f"what node {node_id} gave", MOST_READ)
            yield self._read(job)

    def _read(self, job: Job) -> Any:
        """Files as URLs that a submit knows for its own."""
        return json.loads(outputs.render(job, self.blobs, base_url=self.run.ticket.base_url))


@dataclass(slots=True)
class Outputs(Values):
    """The same for the run's own output: its files are listed anew, so that URLs are made when
    the output is read."""

    artifacts: list[Artifact] = field(default_factory=list)

    def _read(self, job: Job) -> Any:
        mine = ARTIFACTS.validate_json(job.artifacts)
        output = json.loads(job.output or "null")
        return self._shifted(output, mine) if mine else output

    def _shifted(self, value: Any, mine: list[Artifact]) -> Any:
        if isinstance(value, dict):
            return {key: self._shifted(item, mine) for key, item in value.items()}
        if isinstance(value, list):
            return [self._shifted(item, mine) for item in value]
        place = place_in(value, len(mine)) if isinstance(value, str) else None
        if place is None:
            return value
        self.artifacts.append(mine[place])
        return f"{ARTIFACT_SCHEME}{len(self.artifacts) - 1}"
