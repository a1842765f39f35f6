"""Several workers' queues as one: the router says whose job is next, the child puts its model there.

Jobs wait in their queues until their model is in place: a load costs no attempt and no run time,
whoever else could run them still may, and the caller sees what the wait is for.
"""

from __future__ import annotations

import selectors
from typing import TYPE_CHECKING, Final

from pilotlight.contracts import events
from pilotlight.execution.deadlines import RunTimes
from pilotlight.observability import logs
from pilotlight.ports.pool import Head, Held

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pilotlight.contracts.events import Event
    from pilotlight.ports.clock import Clock
    from pilotlight.ports.pool import Neighbour, Neighbours, Router, Switch
    from pilotlight.ports.queue import Delivery, QueueReceiver

EXTEND_S: Final = 20.0
"""Messages that are held back are kept hidden from others at least this often."""
KEEP_S: Final = 60.0
_MOMENT_S: Final = 0.001
"""Left to run of a job that should be over."""


class PooledQueue:
    """A QueueReceiver over one for each worker of a pool; the replica's loop alone calls it.

    ``rank`` gives a job's priority and its place among all workers' jobs, lower ones first.
    ``parks``: models have a GPU to give up. ``holds``: what a receiver gives is taken from others, so a job that is not chosen is kept in
    hand; else it is simply left where it is. ``say`` reaches the child; set it before the first
    event.
    """

    def __init__(
        self,
        receivers: Mapping[str, QueueReceiver],
        router: Router,
        *,
        rank: Callable[[str], tuple[int, int]],
        clock: Clock,
        parks: bool,
        holds: bool,
        neighbours: Neighbours | None = None,
    ) -> None:
        self._receivers, self._router, self._clock = receivers, router, clock
        self._rank, self._parks, self._holds = rank, parks, holds
        self._ranked: dict[str, Head] = {}
        self._neighbours = neighbours
        self._told: tuple[Held, float | None] | None = None
        self._usual: dict[str, RunTimes] = {}
        self._began: dict[str, tuple[str, float]] = {}
        self._heads: dict[str, Delivery] = {}
        self._worker_of: dict[Delivery, str] = {}
        self._extended_at = 0.0
        self._switch: Switch | None = None
        self._since = 0.0
        self._leaving = False
        self.say: Callable[[Event], None] = lambda _event: None
        self._selector = selectors.DefaultSelector()
        for descriptor in {receiver.fileno() for receiver in receivers.values()}:
            self._selector.register(descriptor, selectors.EVENT_READ)

    # For the replica's loop

    def receive(self, *, limit: int) -> list[Delivery]:
        now = self._clock.monotonic()
        if self._switch is not None or self._leaving or limit < 1:
            return []
        self._tell(self._router.held(), None)
        self._look(now)
        choice = self._router.choose(self._ranks(), now, self._others()) if self._heads else None
        if choice is None:
            return []
        if choice.switch is not None:
            self._begin(choice.switch, now)
            return []
        self._router.began(choice.worker, now)
        delivery = self._heads.pop(choice.worker)
        self._began[delivery.job_id] = (choice.worker, now)
        expected_s = self._usual.get(choice.worker, RunTimes()).expected() or 0.0
        self._tell(self._router.held(), expected_s)
        self._worker_of[delivery] = choice.worker
        return [delivery]

    def _look(self, now: float) -> None:
        if not self._holds:
            self._heads.clear()
        for name, receiver in self._receivers.items():
            if name not in self._heads:
                for head in receiver.receive(limit=1):
                    self._heads[name] = head
        if self._holds and now - self._extended_at >= EXTEND_S:
            self._extended_at = now
            for name, head in self._heads.items():
                self._receivers[name].extend([head], seconds=KEEP_S)

    def _ranks(self) -> Mapping[str, Head]:
        for name, head in self._heads.items():
            known = self._ranked.get(name)
            if known is None or known.job_id != head.job_id:
                priority, order = self._rank(head.job_id)
                self._ranked[name] = Head(head.job_id, order, priority)
        return {name: self._ranked[name] for name in self._heads}

    def _begin(self, switch: Switch, now: float) -> None:
        self._switch, self._since = switch, now
        coming = Held(switch.worker, self._router.held().in_memory)
        self._tell(coming, self._router.expected_s(switch.worker))
        park = switch.park if self._parks else ""
        self.say(events.Switch(switch.worker, park, switch.drop))
        logs.event("pool.switch", to=switch.worker, parked=park, dropped=",".join(switch.drop))

    def _tell(self, held: Held, busy_s: float | None) -> None:
        """Others are told of what changed, and of every job's likely end."""
        if self._neighbours is None or (busy_s is None and self._told == (held, None)):
            return
        self._told = (held, busy_s)
        until = None if busy_s is None else self._clock.now() + busy_s
        self._neighbours.tell(held, busy_until=until)

    def _others(self) -> list[tuple[Neighbour, float]]:
        """With the seconds until each is free: one that is late is free any moment now."""
        if self._neighbours is None:
            return []
        now = self._clock.now()
        return [
            (one, 0.0 if one.busy_until is None else max(_MOMENT_S, one.busy_until - now))
            for one in self._neighbours.others()
        ]

    def fileno(self) -> int:
        return self._selector.fileno()

    def poked(self) -> list[str]:
        return [job_id for receiver in self._receivers.values() for job_id in receiver.poked()]

    def extend(self, deliveries: Sequence[Delivery], *, seconds: float) -> None:
        for delivery in deliveries:
            self._of(delivery).extend([delivery], seconds=seconds)

    def ack(self, delivery: Delivery) -> None:
        worker, began = self._began.pop(delivery.job_id, ("", 0.0))
        if worker:
            self._usual.setdefault(worker, RunTimes()).add(self._clock.monotonic() - began)
        self._of(delivery).ack(delivery)
        self._worker_of.pop(delivery, None)

    def release(self, delivery: Delivery) -> None:
        self._began.pop(delivery.job_id, None)
        self._of(delivery).release(delivery)
        self._worker_of.pop(delivery, None)

    def _of(self, delivery: Delivery) -> QueueReceiver:
        name = self._worker_of.get(delivery) or next(iter(self._receivers))
        return self._receivers[name]

    def leave(self) -> None:
        """What was kept in hand goes back to others at once."""
        self._leaving = True
        for name, head in self._heads.items():
            if self._holds:
                self._receivers[name].release(head)
        self._heads.clear()
        for receiver in self._receivers.values():
            receiver.leave()

    def close(self) -> None:
        self._selector.close()
        for receiver in self._receivers.values():
            receiver.close()

    # What the child says

    def heed(self, event: Event) -> bool:
        """Whether it was a word about models; the loop then looks for jobs again."""
        now = self._clock.monotonic()
        match event:
            case events.Switched() if self._switch is not None:
                switch, self._switch = self._switch, None
                gone = self._router.switched(
                    switch,
                    took_s=event.took_s,
                    size_gib=event.size_gib,
                    dropped=event.dropped,
                    now=now,
                )
                if gone:
                    self.say(events.Switch(drop=gone))
                logs.event("pool.switched", to=event.worker, took_s=round(event.took_s, 3))
            case events.SwitchFailed() if self._switch is not None:
                switch, self._switch = self._switch, None
                self._router.failed(switch, now)
                logs.event("pool.switch_failed", to=event.worker, message=event.message)
            case events.Switched() | events.SwitchFailed():
                pass  # only models that went
            case _:
                return False
        return True

    def switching(self) -> tuple[str, float] | None:
        """Whose model is being put in place, and since when."""
        return (self._switch.worker, self._since) if self._switch is not None else None

    def child_lost(self) -> None:
        """Nothing is loaded any more. A load that killed it is a failed one."""
        if self._switch is not None:
            self._router.failed(self._switch, self._clock.monotonic())
            self._switch = None
        self._router.lost()

    def held(self) -> Held:
        return self._router.held()
