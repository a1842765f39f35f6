"""Runs of agents as a kind of group: a node is a member, and runs as soon as its inputs exist."""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pilotlight.contracts import moves
from pilotlight.contracts.agent import MOST_ITEMS, NOTHING
from pilotlight.contracts.job import JobError, JobStatus
from pilotlight.contracts.templates import Missing
from pilotlight.errors import InvalidInput, PilotlightError, Problem
from pilotlight.intake.groups.agents.room import MOST_READ, Room
from pilotlight.intake.groups.agents.run import DROPPED, SKIPPED, Run, Spread, item_key
from pilotlight.intake.groups.agents.values import Outputs, Values
from pilotlight.intake.groups.kind import Chunk, Result
from pilotlight.intake.submission import Submission

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pilotlight.contracts.agent import Node
    from pilotlight.contracts.group import Tally
    from pilotlight.contracts.job import Job
    from pilotlight.intake.groups.members import Members
    from pilotlight.intake.groups.waking import Waker
    from pilotlight.ports.blobs import Blobs
    from pilotlight.ports.clock import Clock
    from pilotlight.ports.feed import Announcer
    from pilotlight.ports.groups import GroupStore
    from pilotlight.ports.store import JobStore
    from pilotlight.settings import JobSettings

KIND: Final = "agent-run"
_FELL: Final = "upstream_failed"
_REMEMBERED: Final = 256
"""Runs; one that is not is read again from its rows."""


@dataclass(slots=True, kw_only=True)
class AgentRuns:
    store: JobStore
    groups: GroupStore
    blobs: Blobs
    members: Members
    waker: Waker
    announcer: Announcer
    clock: Clock
    settings: JobSettings
    _runs: OrderedDict[str, Run] = field(default_factory=OrderedDict)

    def run(self, head: Job) -> Run:
        found = self._runs.get(head.id)
        if found is None:
            found = self._runs[head.id] = Run(head)
            while len(self._runs) > _REMEMBERED:
                self._runs.popitem(last=False)
        return found

    # Members

    def more(self, head: Job, tally: Tally, *, limit: int) -> Chunk | None:
        run, spread = self.run(head), Spread.read(tally.cursor)
        if spread.laid < len(run.plain):
            return self._plain(head, run, spread, limit)
        for node in run.maps:
            added, total = spread.maps.get(node.id, (0, 1))
            if added < total:
                chunk = self._items(head, run, spread, node, limit)
                if chunk is not None:
                    return chunk
        return None

    def _plain(self, head: Job, run: Run, spread: Spread, limit: int) -> Chunk:
        values = self._values(run, spread)
        nodes = run.plain[spread.laid : spread.laid + limit]
        jobs = [self._laid(head, run, node, values) for node in nodes]
        spread.laid += len(nodes)
        return self._chunk(run, spread, jobs)

    def _chunk(self, run: Run, spread: Spread, jobs: Sequence[Job]) -> Chunk:
        done = {node for node, (added, total) in spread.maps.items() if added >= total}
        last = spread.laid == len(run.plain) and len(done) == len(run.maps)
        return Chunk(jobs=jobs, cursor=spread.text(), last=last)

    def _laid(self, head: Job, run: Run, node: Node, values: Values) -> Job:
        if not node.upstream and node.when is None:
            return self._made(head, run, node, node.id, values)
        wish = _wish(head, run, node, b"")
        try:
            return self.members.waiting(head, node.id, wish)
        except PilotlightError as error:
            return self._refused(head, node.id, wish, error)

    def _made(self, head: Job, run: Run, node: Node, key: str, values: Values, **more: Any) -> Job:
        """A member with its input; one that has none that can be run is born failed."""
        wish = _wish(head, run, node, b"")
        try:
            wish = _wish(head, run, node, _body(node, values, **more))
            return self.members.ready(head, key, wish)
        except PilotlightError as error:
            return self._refused(head, key, wish, error)

    def _refused(self, head: Job, key: str, wish: Submission, error: PilotlightError) -> Job:
        if error.retryable:
            raise error
        return self.members.refused(head, key, wish, error)

    def _items(self, head: Job, run: Run, spread: Spread, node: Node, limit: int) -> Chunk | None:
        """The next items of a node with ``map``; None while its list is not there."""
        states = [run.succeeded(self.store, one, spread) for one in node.upstream]
        if False in states:
            spread.maps[node.id] = [0, DROPPED]
            return self._chunk(run, spread, ())
        if None in states:
            return None
        if any(run.skipped(self.store, one, spread) for one in node.upstream):
            spread.maps[node.id] = [0, SKIPPED]
            return self._chunk(run, spread, ())
        values = self._values(run, spread)
        try:
            items = _list(node, values)
        except InvalidInput as error:
            spread.maps[node.id] = [1, 1]
            wish = _wish(head, run, node, b"")
            job = self.members.refused(head, item_key(node.id, 0), wish, error)
            return self._chunk(run, spread, (job,))
        first = spread.maps.get(node.id, (0, 0))[0]
        jobs = [
            self._made(head, run, node, item_key(node.id, n), values, item=items[n], index=n)
            for n in range(first, min(first + limit, len(items)))
        ]
        spread.maps[node.id] = [first + len(jobs), len(items)]
        return self._chunk(run, spread, jobs)

    def _values(self, run: Run, spread: Spread) -> Values:
        return Values(run, spread, self.store, self.blobs)

    # What waits

    def advance(self, head: Job, ended: Sequence[Job]) -> None:
        run, spread = self.run(head), self._spread(head)
        run.heard(ended)
        values = self._values(run, spread)
        for node in run.plain[: spread.laid]:
            if run.look(self.store, node.id) is JobStatus.WAITING:
                self._look_at(head, run, node, values)

    def _spread(self, head: Job) -> Spread:
        tally = self.groups.tally(head.id)
        return Spread.read(tally.cursor if tally else "")

    def _look_at(self, head: Job, run: Run, node: Node, values: Values) -> None:
        for one in node.upstream:
            state = run.succeeded(self.store, one, values.spread)
            if state is None:
                return
            if not state:
                self._drop(run, node, one)
                return
        skipped = any(run.skipped(self.store, one, values.spread) for one in node.upstream)
        if skipped or not values.holds(node):
            self._move(run, node, moves.complete, output=NOTHING)
        else:
            self._release(head, run, node, values)

    def _drop(self, run: Run, node: Node, upstream: str) -> None:
        """It will never have its inputs: it is cancelled with the reason, and so are its own."""
        why = JobError(_FELL, f"node {upstream} did not succeed", 424)
        key = run.failed(upstream)
        job = None if key is None else self.store.get(run.member_id(key))
        if job is not None:
            error = json.loads(job.error or "{}")
            said = error.get("message", "")
            # What fell with another says so already: a chain of twenty names the one that broke.
            message = (
                said if error.get("code") == _FELL else f"node {upstream} {job.status}: {said}"
            )
            why = JobError(_FELL, message, 424)
        self._move(run, node, moves.cancel, why=why)

    def _release(self, head: Job, run: Run, node: Node, values: Values) -> None:
        """T15. However often it is found to be ready, one write starts it."""
        try:
            wish = _wish(head, run, node, _body(node, values))
            row = self.members.ready(head, node.id, wish)
        except PilotlightError as error:
            if error.retryable:
                raise
            self._move(run, node, moves.refuse, error=JobError.of(error))
            return
        now = self.clock.now()
        start_by = min(head.start_by, now + self.settings.start_timeout_s)
        due_at = self.waker.due_at(start_by)
        move = moves.release(now=now, text=row.input, start_by=start_by, due_at=due_at)
        released = self.store.move(row.id, move)
        if released is not None:
            self.announcer.changed([released.id])
            self.waker([released])

    def _move(self, run: Run, node: Node, make: Any, **why: JobError | str) -> None:
        job = self.store.get(run.member_id(node.id))
        if job is None:
            return
        after = self.store.move(job.id, make(job, now=self.clock.now(), **why))
        if after is not None:
            run.heard([after])
            self.announcer.changed([after.id])

    # The end

    def finish(self, head: Job, tally: Tally) -> Result | JobError:
        run, spread = self.run(head), Spread.read(tally.cursor)
        for node in run.order:
            if run.succeeded(self.store, node.id, spread) is not True:
                return self._reason(run, node)
        values = Outputs(run, spread, self.store, self.blobs)
        wanted, definition = run.definition.output, run.definition
        try:
            if wanted is None:
                output = {node.id: values.output(node.id) for node in definition.last}
                Room().take(output)
            else:
                output = values.rendered(wanted, Room())
        except Missing as error:
            return JobError(f"output_{error.code}", f"output: {error.message}", 422)
        text = json.dumps(output, separators=(",", ":"), ensure_ascii=False)
        artifacts = json.dumps([one.model_dump() for one in values.artifacts])
        self._runs.pop(head.id, None)
        return Result(output=text, artifacts=artifacts)

    def _reason(self, run: Run, node: Node) -> JobError:
        """The first node that failed, in the order in which they run: others fell with it."""
        key = run.failed(node.id)
        job = None if key is None else self.store.get(run.member_id(key))
        if job is None:
            return JobError("node_failed", f"node {node.id} did not run", 424)
        error = json.loads(job.error or "{}")
        message = f"node {key} {job.status}: {error.get('message', 'no reason was kept')}"
        return JobError("node_failed", message, int(error.get("http_status", 500)))

    def wind_up(self, head: Job, tally: Tally) -> None:  # noqa: ARG002 - its nodes tell all there is
        self._runs.pop(head.id, None)


def _wish(head: Job, run: Run, node: Node, body: bytes) -> Submission:
    return Submission(
        caller=head.caller,
        endpoint=run.endpoint(node),
        body=body,
        origin=head.origin,
        base_url=run.ticket.base_url,
    )


def _body(node: Node, values: Values, **more: Any) -> bytes:
    """Raises InvalidInput that names the node and the field."""
    document: dict[str, Any] = {}
    room = Room()
    for name, value in node.payload.items():
        try:
            document[name] = values.rendered(value, room, **more)
        except Missing as error:
            message = f"{node.id}.payload.{name}: {error.message}"
            loc = ("body", "nodes", node.id, "payload", name)
            problem = Problem(loc, error.message, error.code)
            raise InvalidInput(message, problem) from None
    return json.dumps(document).encode()


def _list(node: Node, values: Values) -> list[Any]:
    """Raises InvalidInput."""
    try:
        found = (
            values.rendered(node.map, Room(MOST_READ)) if isinstance(node.map, str) else node.map
        )
        if isinstance(found, list) and len(found) <= MOST_ITEMS:
            return found
        message = f"a list of at most {MOST_ITEMS} is wanted"
    except Missing as error:
        message = error.message
    problem = Problem(("body", "nodes", node.id, "map"), message, "type_mismatch")
    raise InvalidInput(f"{node.id}.map: {message}", problem)
