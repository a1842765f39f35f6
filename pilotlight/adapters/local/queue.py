"""The job table is the queue: a created row already waits; sending only wakes somebody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pilotlight.adapters.local import statements
from pilotlight.ports.queue import Delivery

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pilotlight.adapters.local.database import Database
    from pilotlight.adapters.local.wake import WakeSocket
    from pilotlight.contracts.message import JobMessage
    from pilotlight.ports.clock import Clock

_PORTS: Final = (
    "SELECT wake_port FROM replica WHERE worker = ? AND ended_at IS NULL AND wake_port IS NOT NULL"
)


class TableQueueSender:
    rides_on_store = True

    def __init__(self, database: Database, wake: WakeSocket) -> None:
        self._db, self._wake = database, wake

    def send(self, message: JobMessage) -> None:
        self.poke(message.worker)

    def poke(self, worker: str, *job_ids: str) -> None:
        ports = [port for (port,) in self._db.read(_PORTS, (worker,))]
        self._wake.say(ports, job_ids)


class TableQueueReceiver:
    """Deliveries need no keeping: until a row is leased it simply stays where it is."""

    def __init__(
        self, database: Database, wake: WakeSocket, clock: Clock, *, worker: str, replica_id: str
    ) -> None:
        self._db, self._wake, self._clock, self._worker = database, wake, clock, worker
        with database.write() as execute:
            execute("UPDATE replica SET wake_port = ? WHERE id = ?", (wake.port, replica_id))

    def receive(self, *, limit: int) -> list[Delivery]:
        args = {"worker": self._worker, "now": self._clock.now(), "limit": limit}
        rows = self._db.read(statements.next_ready(), args)
        return [Delivery(job_id) for (job_id,) in rows]

    def fileno(self) -> int:
        return self._wake.fileno()

    def poked(self) -> list[str]:
        return self._wake.hear() or []

    def extend(self, deliveries: Sequence[Delivery], *, seconds: float) -> None:
        """Nothing to do: the row's lease is the only one."""

    def ack(self, delivery: Delivery) -> None:
        """Nothing to do: a settled row is not ready any more."""

    def release(self, delivery: Delivery) -> None:
        ports = [port for (port,) in self._db.read(_PORTS, (self._worker,))]
        self._wake.say(ports, [delivery.job_id])

    def leave(self) -> None:
        """Nothing to do: what waits in the table belongs to nobody."""

    def close(self) -> None:
        self._wake.close()
