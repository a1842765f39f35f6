"""A fleet whose replicas are tasks of ECS services, one service per worker.

What is asked for is a row first: a place that a task takes when it starts (:mod:`.enrolment`).
A service's desired count is then the number of rows that are capacity, whoever asked, so that two
looks at once, or one that died half way, are put right by the next. ECS may stop a task to get
down to that number; never one that is protected, and every replica protects itself before its
first lease (:mod:`.protection`), so that the one to go is the one that was let go.
"""

from __future__ import annotations

import logging
import secrets
import threading
from typing import TYPE_CHECKING, Final, NamedTuple

from pilotlight.adapters.aws import replica_items as items
from pilotlight.errors import Unavailable
from pilotlight.execution.silence import Silence
from pilotlight.observability.logs import event
from pilotlight.ports.fleet import LIVE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pilotlight.adapters.aws.ecs import Ecs, Service
    from pilotlight.adapters.aws.register import DynamoRegister
    from pilotlight.adapters.aws.rows import Item
    from pilotlight.contracts.worker import WorkerSpec
    from pilotlight.ports.clock import Clock
    from pilotlight.ports.fleet import ColdStart, Replica, Stage
    from pilotlight.settings import LeaseSettings

START_PATIENCE_S: Final = 900.0
"""A place that no task took within this counts as a failed start: no machine, no image, no quota.
Cold starts of a GPU host take 5 to 12 minutes (AWS's own figures for EC2, agent and a 10 GB pull)."""


class Exit(NamedTuple):
    replica_id: str
    worker: str
    stage: Stage


class EcsFleet:
    """Everything is in the register and in ECS; what it remembers it can do without."""

    def __init__(
        self,
        register: DynamoRegister,
        ecs: Ecs,
        specs: Mapping[str, WorkerSpec],
        *,
        clock: Clock,
        lease: LeaseSettings,
    ) -> None:
        self._register, self._ecs, self._specs, self._clock = register, ecs, specs, clock
        self._silence = Silence(lease)
        self.hurry = threading.Event()
        self.on_end: Callable[[], None] = lambda: None

    def replicas(self) -> list[Replica]:
        return self._register.recent(now=self._clock.now())

    def cold_starts(self, worker: str, *, limit: int = 20) -> list[ColdStart]:
        return self._register.cold_starts(worker, limit=limit)

    def start(self, worker: str, count: int) -> None:
        """Places first: whoever looks now counts them. Raises Unavailable; the next look then
        tells the service what the rows say.
        """
        slots = self._specs[worker].jobs_per_replica
        for _ in range(count):
            replica_id = f"{worker}-{secrets.token_hex(4)}"
            self._register.add(replica_id, worker, slots=slots, now=self._clock.now())
        if count:
            self._hold([worker])

    def retire(self, replica_id: str) -> bool:
        """Its row says so; it reads that with its next beat, at the latest, and leaves by itself."""
        if not self._register.retire(replica_id):
            return False
        row = self._register.row(replica_id)
        if row is not None:
            if "seen_at" not in row:  # no task took this place
                self._register.end(
                    replica_id, "not needed any more", clean=True, now=self._clock.now()
                )
            self._hold([row[items.WORKER]["S"]])
        return True

    def drain(self, replica_id: str) -> bool:
        """The service then wants one task less, and stops none: whoever holds a job is protected."""
        if not self._register.drains(replica_id):
            return False
        row = self._register.row(replica_id)
        if row is not None:
            self._hold([row[items.WORKER]["S"]])
        return True

    @property
    def is_empty(self) -> bool:
        return not self._register.open_items()

    def recover(self) -> list[str]:
        """Nothing to do: a task outlives whoever asked for it."""
        return []

    def poll_exits(self) -> list[Exit]:
        """Tasks that are over, replicas that hang, and places where nobody came in time.

        Then every service is told what the rows say: whatever an earlier look left undone.
        """
        rows = self._register.open_items()
        exits = [*self._stopped(rows), *self._hanging(rows), *self._late(rows)]
        for one in exits:
            event("replica.ended", level=logging.WARNING, **one._asdict())
        try:
            self._hold(self._specs)
        except Unavailable as trouble:  # what these held must be freed whatever ECS says
            event("fleet.not_told", level=logging.WARNING, error=str(trouble))
        return exits

    def _stopped(self, rows: Sequence[Item]) -> Iterator[Exit]:
        tasks = {task: row for row in rows if (task := items.text(row, "task"))}
        for task, words in self._ecs.over(list(tasks)).items():
            yield self._end(tasks[task], words)

    def _hanging(self, rows: Sequence[Item]) -> Iterator[Exit]:
        now = self._clock.now()
        silent = {
            task: row
            for row in rows
            if (task := items.text(row, "task"))
            and (seen := items.moment(row, "seen_at")) is not None
            and seen < now - self._silence.patience_s
        }
        for task in self._silence.hanging(lambda: silent, now=now):
            words = f"said nothing for {now - (items.moment(silent[task], 'seen_at') or 0):.0f} s"
            self._ecs.stop(task, words)
            yield self._end(silent[task], words)

    def _late(self, rows: Sequence[Item]) -> Iterator[Exit]:
        asked_before = self._clock.now() - START_PATIENCE_S
        late = [
            row
            for row in rows
            if "seen_at" not in row and (items.moment(row, "asked_at") or 0.0) < asked_before
        ]
        if late:
            services = self._ecs.services({row[items.WORKER]["S"] for row in late})
            for row in late:
                if task := items.text(row, "task"):  # it came, and never said a word
                    self._ecs.stop(task, "it does not start")
                yield self._end(row, _why(services.get(row[items.WORKER]["S"])))

    def _end(self, row: Item, words: str) -> Exit:
        replica_id = row["id"]["S"]
        fate = self._register.end(replica_id, words, clean=False, now=self._clock.now())
        return Exit(replica_id, fate.worker, fate.stage)

    def _hold(self, workers: Iterable[str]) -> None:
        """Raises Unavailable when a service could not be told; the others are told all the same."""
        rows, services = self._register.open_items(), self._ecs.services(workers)
        trouble: Unavailable | None = None
        for worker in workers:
            own = [row for row in rows if row[items.WORKER]["S"] == worker and _is_live(row)]
            service = services.get(worker)
            if service is None:
                self._give_up(worker, own)
                continue
            try:
                self._hold_one(worker, service, own)
            except Unavailable as problem:
                trouble = problem
        if trouble is not None:
            raise trouble

    def _hold_one(self, worker: str, service: Service, own: Sequence[Item]) -> None:
        older = [row for row in own if _is_older(row, service)]
        working = sum(self._register.works(row["id"]["S"]) for row in older)
        newer = len(own) - len(older)
        wanted = tasks_wanted(service.desired, newer=newer, older=len(older), working=working)
        if service.desired != wanted:
            self._ecs.want(worker, wanted)
            event("fleet.wants", worker=worker, tasks=wanted, before=service.desired)
        if older:
            self._renew(older, own, service)

    def _give_up(self, worker: str, own: Sequence[Item]) -> None:
        name = self._ecs.service_name(worker)
        words = f"ECS has no service {name} in {self._ecs.cluster}: deploy the stack again"
        for row in own:
            if "task" not in row:
                self._end(row, words)

    def _renew(self, older: Sequence[Item], own: Sequence[Item], service: Service) -> None:
        """One that runs an older image goes when it is idle and a newer one is ready, or none can
        be: ECS itself may not stop it.

        Under load none is ever idle, and the deployment would wait until CloudFormation gives it up:
        so when as many newer ones are ready, or none can be, they finish what they hold and go.
        """
        ready = sum(
            items.text(row, "stage") == "ready" and not _is_older(row, service) for row in own
        )
        late = self._clock.now() >= service.since + START_PATIENCE_S
        if not ready and not late:
            return
        go = self._register.drains if late or ready >= len(older) else self._register.retire
        for row in older:
            if go(row["id"]["S"]):
                event("fleet.renews", replica=row["id"]["S"], worker=row[items.WORKER]["S"])

    def stop_all(self, grace_s: float) -> Sequence[Exit]:  # noqa: ARG002 - not ours to end
        return []

    def forget(self, *, ended_before: float) -> int:
        return self._register.forget(ended_before=ended_before)


def tasks_wanted(desired: int, *, newer: int, older: int, working: int) -> int:
    """How many tasks a service should run, whose count is only of what it would start now.

    Places and tasks of its task definition are wanted. Tasks of an older one are not among those
    it counts: it runs so many more as there is room for, to take their place; and one for each that
    works, whatever ``desired`` says, because a deployment of the stack puts that to none.
    """
    return min(max(desired, newer, working), newer + older)


def _is_older(row: Item, service: Service) -> bool:
    revision = items.text(row, "revision")
    return revision is not None and not service.task_definition.endswith(f"/{revision}")


def _is_live(row: Item) -> bool:
    return items.text(row, "stage") in LIVE


def _why(service: Service | None) -> str:
    said = service.said if service is not None else ""
    return f"no task started within {START_PATIENCE_S / 60:.0f} minutes" + (
        f" ({said})" * bool(said)
    )
