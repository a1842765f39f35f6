"""Callers: they submit until they are heard, and some cancel, wait, follow, snoop or repeat."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from pilotlight.contracts.job import LOW_PRIORITY, Job
from pilotlight.errors import (
    AlreadyFinished,
    BacklogFull,
    IdempotencyMismatch,
    NotFinished,
    Unavailable,
    UnknownJob,
)
from pilotlight.intake.submission import Submission
from tests.sim.ingress import ConnectionLost, Ingress
from tests.sim.process import Process
from tests.sim.world import Violation

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sim.house import House
    from tests.sim.site import Site

CALLERS: Final = ("alice", "bob", "carol")
_FATES: Final = (
    ("ok", 80),
    ("app", 5),
    ("user", 3),
    ("memory", 2),
    ("gpu", 2),
    ("crash", 3),
    ("always", 2),
    ("hang", 1),
    ("poison", 2),
)
_ARRIVALS_S: Final = 1.2
"""Mean time between two jobs; one in eight begins a burst."""


@dataclass(slots=True)
class Told:
    """What a client was told about its key."""

    number: int
    fate: str
    caller: str
    job_id: str = ""
    cancelled: bool = False
    cancel_asked: bool = False
    deadline: bool = False
    """It may expire soon, or may not be retried: how it ends is not its model's doing alone."""


class Clients:
    def __init__(self, site: Site, house: House, jobs: int) -> None:
        self._site, self._house, self._world = site, house, site.world
        self._jobs = jobs
        self._outside = Process(site.world, site.faults, "outside", "outside")
        self.told: list[Told] = []
        self.waiting = 0
        """Clients that have not been heard yet."""

    def arrive(self) -> float:
        """Schedule all of them; when the last one comes."""
        rng, moment = self._world.rng, 0.0
        names, weights = zip(*_FATES, strict=True)
        burst = 0
        for number in range(self._jobs):
            if burst == 0 and rng.random() < 1 / 8:
                burst = rng.randint(4, 20)
                moment += rng.expovariate(1 / (_ARRIVALS_S * burst))
            if burst:
                burst -= 1
            else:
                moment += rng.expovariate(1 / _ARRIVALS_S)
            told = Told(number, rng.choices(names, weights)[0], rng.choice(CALLERS))
            self.told.append(told)
            self.waiting += 1
            self._outside.spawn(lambda told=told: self._live(told), delay=moment)  # type: ignore[misc]
        return moment

    def _wish(self, told: Told) -> Submission:
        rng = self._world.rng
        wish = {
            "seconds": round(min(200.0, rng.lognormvariate(2.2, 1.0)), 3),
            "fate": told.fate,
            "makes_file": rng.random() < 0.25,
            "number": told.number,
            "pays": told.number % 4 == 0,
        }
        if self._site.faults.script is not None:
            return self._plain(told)
        short = rng.random() < 0.03
        may_retry = rng.random() >= 0.03
        told.deadline = short or not may_retry
        return Submission(
            caller=told.caller,
            endpoint="sim/wide" if rng.random() < 0.3 else "sim/lone",
            body=json.dumps(wish).encode(),
            origin="sim",
            priority=LOW_PRIORITY if rng.random() < 0.1 else 0,
            start_timeout_s=rng.uniform(5, 90) if short else None,
            webhook=f"https://{told.caller}.example/hook" if rng.random() < 0.85 else None,
            idempotency_key=f"key-{told.number}",
            streaming=rng.random() < 0.05,
            may_retry=may_retry,
        )

    def _plain(self, told: Told) -> Submission:
        """Everything that can be used is used, and nothing is left to chance."""
        wish = {"seconds": 9, "fate": "ok", "makes_file": True, "number": told.number}
        return Submission(
            caller=told.caller,
            endpoint="sim/lone",
            body=json.dumps(wish).encode(),
            origin="sim",
            webhook=f"https://{told.caller}.example/hook",
            idempotency_key=f"key-{told.number}",
        )

    def _live(self, told: Told) -> None:
        wish = self._wish(told)
        told.job_id = self._until_heard(lambda one: one.submit(wish)).id
        self.waiting -= 1
        self._world.note("client", told.number, "has", told.job_id)
        try:
            self._go_on(told, wish)
        except UnknownJob:
            raise Violation("I1", f"an accepted job is unknown to its caller: {told}") from None

    def _go_on(self, told: Told, wish: Submission) -> None:
        habit = self._world.rng.random()
        if habit < 0.03:
            self._repeat(told, wish)
        elif habit < 0.05:
            self._reuse(wish)
        elif habit < 0.07:
            self._snoop(told)
        elif habit < 0.11:
            self._wait(told)
        elif habit < 0.14:
            self._follow(told)
        elif habit < 0.14 + 0.08 and self._site.faults.has("cancels"):
            self._cancel(told)

    def _until_heard(self, make: Callable[[Ingress], Any]) -> Job:
        while True:
            try:
                job: Job = self._anyone().ask(make)
            except (ConnectionLost, Unavailable, BacklogFull, OSError):
                self._world.sleep(self._world.rng.uniform(1, 8))
            else:
                return job

    def _anyone(self) -> Ingress:
        return self._world.rng.choice(self._house.ingresses)

    def _repeat(self, told: Told, wish: Submission) -> None:
        """The same key and body: the same job."""
        self._world.sleep(self._world.rng.expovariate(1 / 10))
        again = self._until_heard(lambda one: one.submit(wish))
        if again.id != told.job_id:
            raise Violation("I7", f"key {told.number} gave {told.job_id}, then {again.id}")

    def _reuse(self, wish: Submission) -> None:
        """The same key with another body: nobody may be given the wrong job."""
        other = replace(wish, body=wish.body.replace(b'"number"', b' "number"'))
        try:
            given = self._until_heard(lambda one: one.submit(other))
        except IdempotencyMismatch:
            return
        raise Violation("I7", f"another body was given job {given.id}")

    def _snoop(self, told: Told) -> None:
        """I12: another caller's id tells nothing."""
        others = [caller for caller in CALLERS if caller != told.caller]
        other = self._world.rng.choice(others)
        for act in ("job", "cancel"):
            try:
                self._anyone().control_call(act, told.job_id, caller=other)
            except UnknownJob:
                continue
            except (ConnectionLost, Unavailable):
                return
            raise Violation("I12", f"{other} may {act} {told.job_id} of {told.caller}")

    def _cancel(self, told: Told) -> None:
        self._world.sleep(self._world.rng.expovariate(1 / 12))
        while True:
            told.cancel_asked = True
            try:
                self._anyone().control_call("cancel", told.job_id, caller=told.caller)
            except AlreadyFinished as answer:
                row = self._site.table.rows[told.job_id]
                if str(row.status) != answer.details["status"] or not row.status.is_terminal:
                    raise Violation("I6", f"a cancel is answered {answer}: {row}") from None
                return
            except (ConnectionLost, Unavailable):
                self._world.sleep(1)
            else:
                told.cancelled = True
                self._site.faults.count("cancels")
                return

    def _wait(self, told: Told) -> None:
        ingress = self._anyone()
        try:
            job = ingress.call(
                lambda: ingress.control.wait(told.job_id, caller=told.caller, timeout_s=120)
            )
            if job.status.is_terminal:
                self._read(ingress, job)
        except (ConnectionLost, Unavailable):
            return

    def _read(self, ingress: Ingress, job: Job) -> None:
        """I3: a result is readable exactly when the job has succeeded."""
        try:
            ingress.control.output(job, base_url="https://sim")
        except NotFinished:
            readable = False
        else:
            readable = True
        if readable != (job.status == "succeeded"):
            raise Violation("I3", f"readable is {readable}: {job}")

    def _follow(self, told: Told) -> None:
        ingress = self._anyone()

        async def follow() -> tuple[list[int], Job | None]:
            places, last = [], None
            kinds = frozenset({"log", "progress", "partial"})
            async for item in ingress.control.follow(
                told.job_id,
                caller=told.caller,
                kinds=kinds,  # type: ignore[arg-type]
            ):
                if isinstance(item, Job):
                    last = item
                else:
                    places.append(item.seq)
            return places, last

        try:
            places, last = ingress.call(follow)
        except (ConnectionLost, Unavailable):
            return
        if places != sorted(set(places)) or last is None or not last.status.is_terminal:
            raise Violation("I2", f"followed {told.job_id}: {places}, then {last}")
