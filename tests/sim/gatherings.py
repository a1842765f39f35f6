"""Runs of agents among the jobs: the real graph, the real steward in every process of upkeep.

Judged from outside: a node starts once and only after all it needs has succeeded (I11), every
member is counted once, a run ends once and as its nodes did, and a cancelled one never succeeds.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from pilotlight.contracts.agent import Definition
from pilotlight.contracts.job import JobStatus
from pilotlight.errors import AlreadyFinished, Unavailable
from pilotlight.intake.groups.agents.kind import KIND, AgentRuns
from pilotlight.intake.groups.agents.service import Wish
from tests.sim.ingress import ConnectionLost
from tests.sim.process import Process
from tests.sim.world import Violation

if TYPE_CHECKING:
    from pilotlight.bootstrap.ingress import Services
    from pilotlight.contracts.job import Job
    from tests.sim.house import House
    from tests.sim.site import Site
    from tests.sim.table import Change

_ARRIVALS_S: Final = 25.0
_MOST_NAP_S: Final = 20.0
_EXPIRES_S: Final = 4 * 3600.0
"""Longer than a history waits for ends: a run that is forgotten is seen, not hidden by its expiry."""
_FATES: Final = ("ok", "ok", "ok", "ok", "ok", "ok", "app", "user", "crash", "poison")


def _node(node_id: str, fate: str = "ok", seconds: Any = 9, **more: Any) -> dict[str, Any]:
    payload = {"seconds": seconds, "fate": fate, "makes_file": False, "number": 0}
    return {"id": node_id, "model": "sim/lone", "payload": payload, **more}


@dataclass(slots=True)
class Asked:
    """One run that somebody asked for."""

    number: int
    head_id: str = ""
    cancelled: bool = False


class Gatherings:
    def __init__(self, site: Site, house: House, runs: int) -> None:
        self._site, self._house, self._world = site, house, site.world
        self._runs = runs
        self._outside = Process(site.world, site.faults, "gatherer", "outside") if runs else None
        self.asked: list[Asked] = []
        self.waiting = runs
        self._starts: Counter[str] = Counter()
        if runs:
            site.watchers.append(self._watch)
            house.stewarded = True

    @property
    def over(self) -> bool:
        return self.waiting == 0 and (not self._runs or self._site.tallies.next_mark() is None)

    def arrive(self) -> float:
        moment = 0.0
        for number in range(self._runs):
            moment += self._world.rng.expovariate(1 / _ARRIVALS_S)
            asked = Asked(number)
            self.asked.append(asked)
            assert self._outside is not None
            self._outside.spawn(lambda asked=asked: self._live(asked), delay=moment)  # type: ignore[misc]
        return moment

    def _definition(self) -> Definition:
        rng = self._world.rng
        fates = [rng.choice(_FATES) for _ in range(3)]
        width = rng.choice([0, 1, 3, 7])
        nodes = [
            _node("first", fates[0]),
            _node("second", fates[1]),
            _node("spread", map=[3] * width, seconds="{{item}}", needs=["first"]),
            _node("join", needs=["spread", "second"]),
            _node("last", fates[2], needs=["join"]),
        ]
        return Definition.model_validate({"nodes": nodes, "output": "{{nodes.last.output.text}}"})

    def _live(self, asked: Asked) -> None:
        wish = Wish(
            caller="alice",
            origin="sim",
            given={},
            definition=self._definition(),
            webhook="https://alice.example/hook",
            expires_s=_EXPIRES_S,
            idempotency_key=f"run-{asked.number}",
        )
        asked.head_id = self._started(wish).id
        self.waiting -= 1
        if self._world.rng.random() < 0.2:
            self._world.sleep(self._world.rng.expovariate(1 / 30))
            self._cancel(asked)

    def _started(self, wish: Wish) -> Job:
        while True:
            ingress = self._world.rng.choice(self._house.ingresses)
            start = ingress.services.agents.start
            try:
                return ingress.call(lambda start=start: asyncio.to_thread(start, wish))  # type: ignore[misc]
            except (ConnectionLost, Unavailable, OSError):
                self._world.sleep(self._world.rng.uniform(1, 8))

    def _cancel(self, asked: Asked) -> None:
        while True:
            ingress = self._world.rng.choice(self._house.ingresses)
            try:
                ingress.control_call("cancel", asked.head_id, caller="alice")
            except AlreadyFinished:
                return
            except (ConnectionLost, Unavailable):
                self._world.sleep(1)
            else:
                asked.cancelled = True
                return

    # Judgement

    def _watch(self, change: Change) -> None:
        old, new, move, _ = change
        if new.group_id is None or new.group_id == new.id:
            return
        fresh = old is None and new.status is not JobStatus.WAITING
        if fresh or (move is not None and move.transition.name == "T15"):
            self._starts[new.id] += 1
            if self._starts[new.id] > 1:
                raise Violation("I11", f"a node starts twice: {new}")
            self._check_needs(new)

    def _check_needs(self, job: Job) -> None:
        if job.status.is_terminal:
            return
        rows = [row for row in self._site.tallies.grouped() if row.group_id == job.group_id]
        done: dict[str, list[bool]] = {}
        for row in rows:
            name = (row.member or "").partition(".")[0]
            done.setdefault(name, []).append(row.status is JobStatus.SUCCEEDED)
        needs = {"spread": ["first"], "join": ["spread", "second"], "last": ["join"]}
        for need in needs.get((job.member or "").partition(".")[0], []):
            if not all(done.get(need, [])):
                raise Violation("I11", f"it starts before {need} has succeeded: {job}")

    def check(self) -> None:
        for asked in self.asked:
            self._check_run(asked)

    def _check_run(self, asked: Asked) -> None:
        rows = self._site.table.rows
        head, tally = rows[asked.head_id], self._site.tallies.rows[asked.head_id]
        members = [row for row in rows.values() if row.group_id == head.id and row.id != head.id]
        told = Counter(str(row.status) for row in members)
        counted = {
            name: getattr(tally, name) for name in ("succeeded", "failed", "cancelled", "expired")
        }
        if counted != {name: told[name] for name in counted} or tally.total != len(members):
            raise Violation("T21", f"{tally} counts {told}, {len(members)} members")
        if not tally.is_over:
            raise Violation("I1", f"a group whose members may still come: {tally}")
        if asked.cancelled and head.status is not JobStatus.CANCELLED:
            raise Violation("I6", f"cancelled, then {head}")
        well = set(told) <= {"succeeded"}
        if head.status is JobStatus.SUCCEEDED and not well:
            raise Violation("I11", f"it succeeded, and its members {told}: {head}")
        if head.status is JobStatus.FAILED and well:
            raise Violation("I11", f"it failed, and every member succeeded: {head}")


def steward_of(site: Site, process: Process, services: Services) -> None:
    """The loop that the product has in a thread."""
    steward = services.steward
    waker = replace(steward.waker, at_once=1)
    steward.waker = waker
    runs = steward.kinds[KIND]
    assert isinstance(runs, AgentRuns)
    runs.waker = waker

    def main() -> None:
        while True:
            again_at = None
            try:
                again_at = steward(process.clock.now())
            except Unavailable:
                again_at = process.clock.now() + 1
            nap = _MOST_NAP_S if again_at is None else again_at - process.clock.now()
            site.world.sleep(min(max(nap, 0.5), 1.5 if again_at is not None else _MOST_NAP_S))

    process.spawn(main)
