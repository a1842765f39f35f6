"""A replica that hosts every worker of a pool, one job and one model in use at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pilotlight.contracts import events
from pilotlight.errors import ReplicaFailure
from pilotlight.execution.replica import Replica
from pilotlight.execution.retry import Failure
from pilotlight.observability import logs
from pilotlight.ports.fleet import LoadStep

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pilotlight.contracts.events import Event
    from pilotlight.execution.pool_queue import PooledQueue


class PooledReplica(Replica):
    """Its ``ports.queue`` is ``pool``; ``load_timeouts_s`` by worker."""

    def __init__(
        self,
        replica_id: str,
        *args: Any,
        pool: PooledQueue,
        load_timeouts_s: Mapping[str, float],
        **options: Any,
    ) -> None:
        super().__init__(replica_id, *args, **options)
        self._pool, self._load_timeouts_s = pool, load_timeouts_s
        pool.say = self._keeper.send
        self._broken = ""
        """Whose model could not be loaded, as the row says why."""

    def heed(self, event: Event) -> None:
        if not self._pool.heed(event):
            super().heed(event)
            return
        self._hint = True
        if isinstance(event, events.SwitchFailed):
            self._broken = event.worker
            self._stage = ("ready", f"{event.worker}: {event.message}")
        elif isinstance(event, events.Switched) and event.worker == self._broken:
            self._broken, self._stage = "", ("ready", "")
        held = self._pool.held()
        self._step = LoadStep(",".join((held.in_place, *held.in_memory)))

    def child_lost(self, failure: Failure | None) -> None:
        self._pool.child_lost()
        super().child_lost(failure)

    def _turn(self) -> None:
        self._check_switch(self._clock.monotonic())
        super()._turn()

    def _check_switch(self, now: float) -> None:
        """A load that does not end is ended: the other workers' jobs wait as well."""
        switching = self._pool.switching()
        if switching is None:
            return
        worker, since = switching
        if now - since > self._load_timeouts_s[worker]:
            words = f"{worker} was not loaded within {self._load_timeouts_s[worker]:g} s"
            logs.event("pool.load_timeout", replica=self.id, worker=worker)
            self._keeper.replace(Failure.of(ReplicaFailure(words)))
