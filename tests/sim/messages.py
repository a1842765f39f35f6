"""The queue, both ways: the job table itself, or separate messages delivered at least once."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pilotlight.contracts import moves
from pilotlight.ports.queue import DeadLetter, Delivery

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pilotlight.contracts.message import JobMessage
    from tests.sim.faults import Faults
    from tests.sim.process import Process
    from tests.sim.table import Table
    from tests.sim.world import World

VISIBILITY_S: Final = 120.0
MAX_RECEIVES: Final = 6
"""More, and the message goes to the dead-letter queue: reliability section 2.4."""


@dataclass(slots=True)
class _Message:
    job_id: str
    worker: str
    visible_at: float
    receives: int = 0
    gone: bool = False


class Bells:
    """Who can be woken: the ears of replicas, by worker."""

    def __init__(self, world: World, faults: Faults) -> None:
        self._world, self._faults = world, faults
        self._ears: dict[str, dict[Ear, None]] = {}

    def add(self, worker: str, ear: Ear) -> None:
        self._ears.setdefault(worker, {})[ear] = None

    def remove(self, worker: str, ear: Ear) -> None:
        self._ears.get(worker, {}).pop(ear, None)

    def ring(self, worker: str, job_ids: Sequence[str] = ()) -> None:
        for ear in self._ears.get(worker, ()):
            if not self._faults.happens("lost hints", 0.1):
                self._world.after(0.001, lambda ear=ear: ear.hear(job_ids))  # type: ignore[misc]


class Ear:
    """A receiver's wake-up: ``poke`` makes its descriptor readable."""

    def __init__(self, descriptor: int, poke: Callable[[int], None]) -> None:
        self.descriptor, self._poke = descriptor, poke
        self._heard: list[str] = []

    def hear(self, job_ids: Sequence[str]) -> None:
        self._heard.extend(job_ids)
        self._poke(self.descriptor)

    def take(self) -> list[str]:
        heard, self._heard = self._heard, []
        return heard


class Mail:
    """Messages: they may come twice, late, or not at all."""

    def __init__(self, world: World, faults: Faults, bells: Bells) -> None:
        self._world, self._faults, self._bells = world, faults, bells
        self._by_token: dict[str, _Message] = {}
        self._waiting: dict[str, list[tuple[float, int, str]]] = {}
        self._tokens = itertools.count(1)
        self.dead: dict[str, DeadLetter] = {}

    def send(self, message: JobMessage) -> None:
        if self._faults.happens("lost messages", 0.02):
            return
        delay_s = 0.0
        if self._faults.happens("late messages", 0.02):
            delay_s = self._world.rng.choice((30.0, 600.0, 7200.0))
        self._put(_Message(message.job_id, message.worker, self._world.now + delay_s))
        if self._faults.happens("duplicates", 0.03):
            self._put(_Message(message.job_id, message.worker, self._world.now))
        if not delay_s:
            self._bells.ring(message.worker)

    def _put(self, message: _Message) -> None:
        token = f"m{next(self._tokens)}"
        self._by_token[token] = message
        self._wait(token, message)

    def _wait(self, token: str, message: _Message) -> None:
        entry = (message.visible_at, int(token[1:]), token)
        heapq.heappush(self._waiting.setdefault(message.worker, []), entry)

    def receive(self, worker: str, limit: int) -> list[Delivery]:
        now, waiting, found = self._world.now, self._waiting.get(worker, []), []
        while waiting and waiting[0][0] <= now and len(found) < limit:
            visible_at, _, token = heapq.heappop(waiting)
            message = self._by_token.get(token)
            if message is None or message.visible_at != visible_at:
                continue
            message.receives += 1
            if message.receives > MAX_RECEIVES:
                self._give_up(token, message)
                continue
            again = self._faults.happens("duplicates", 0.02)
            message.visible_at = now + (0.5 if again else VISIBILITY_S)
            self._wait(token, message)
            found.append(Delivery(message.job_id, token))
        return found

    def _give_up(self, token: str, message: _Message) -> None:
        del self._by_token[token]
        self._world.note("dead letter", message.job_id)
        self.dead[token] = DeadLetter(message.job_id, message.visible_at, message.receives, token)

    def show_at(self, token: str, moment: float) -> None:
        message = self._by_token.get(token)
        if message is not None:
            message.visible_at = moment
            self._wait(token, message)
            if moment <= self._world.now:
                self._bells.ring(message.worker)

    def delete(self, token: str) -> None:
        self._by_token.pop(token, None)


class SimSender:
    """Ingress's and upkeep's side of either queue; ``mail`` None: the table is the queue."""

    def __init__(self, process: Process, bells: Bells, mail: Mail | None) -> None:
        self.rides_on_store = mail is None
        self._process, self._bells, self._mail = process, bells, mail

    def send(self, message: JobMessage) -> None:
        if self._mail is None:
            self._bells.ring(message.worker)
        else:
            self._process.call("queue.send", self._mail.send, message)

    def poke(self, worker: str, *job_ids: str) -> None:
        self._bells.ring(worker, job_ids)


class SimDeadLetters:
    """Upkeep's side of what the queue gave up on."""

    def __init__(self, mail: Mail, process: Process) -> None:
        self._mail, self._call = mail, process.call

    def receive(self, *, limit: int) -> list[DeadLetter]:
        return self._call("letters.receive", lambda: list(self._mail.dead.values())[:limit])

    def drop(self, letter: DeadLetter) -> None:
        self._call("letters.drop", self._mail.dead.pop, letter.token, None)


class TableReceiver:
    """The rows themselves wait; a hint only says when to look."""

    def __init__(self, table: Table, process: Process, bells: Bells, ear: Ear, worker: str) -> None:
        self._table, self._process, self._bells = table, process, bells
        self._ear, self._worker = ear, worker
        bells.add(worker, ear)

    def receive(self, *, limit: int) -> list[Delivery]:
        move = moves.lease(owner="", now=self._process.clock.now(), lease_s=0, margin_s=0)
        found = self._process.call(
            "queue.receive", self._table.next_ready, self._worker, move, limit
        )
        return [Delivery(job_id) for job_id in found]

    def fileno(self) -> int:
        return self._ear.descriptor

    def poked(self) -> list[str]:
        return self._ear.take()

    def extend(self, deliveries: Sequence[Delivery], *, seconds: float) -> None:
        """The row's lease is the only one."""

    def ack(self, delivery: Delivery) -> None:
        """A settled row is not ready any more."""

    def release(self, delivery: Delivery) -> None:
        self._bells.ring(self._worker, [delivery.job_id])

    def leave(self) -> None:
        """Nothing was received that is not in hand."""

    def close(self) -> None:
        self._bells.remove(self._worker, self._ear)


class MailReceiver:
    def __init__(self, mail: Mail, process: Process, bells: Bells, ear: Ear, worker: str) -> None:
        self._mail, self._process, self._bells = mail, process, bells
        self._ear, self._worker = ear, worker
        bells.add(worker, ear)

    def receive(self, *, limit: int) -> list[Delivery]:
        return self._process.call("queue.receive", self._mail.receive, self._worker, limit)

    def fileno(self) -> int:
        return self._ear.descriptor

    def poked(self) -> list[str]:
        return self._ear.take()

    def extend(self, deliveries: Sequence[Delivery], *, seconds: float) -> None:
        def extend() -> None:
            for delivery in deliveries:
                self._mail.show_at(delivery.token, self._process.world.now + seconds)

        self._process.call("queue.extend", extend)

    def ack(self, delivery: Delivery) -> None:
        self._process.call("queue.ack", self._mail.delete, delivery.token)

    def release(self, delivery: Delivery) -> None:
        now = self._process.world.now
        self._process.call("queue.release", self._mail.show_at, delivery.token, now)

    def leave(self) -> None:
        """Nothing was received that is not in hand."""

    def close(self) -> None:
        self._bells.remove(self._worker, self._ear)
