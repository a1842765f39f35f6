"""The job table is the queue: a created row already waits; sending only wakes somebody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pilotlight.adapters.local import statements
from pilotlight.ports.queue import Delivery

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pilotlight.adapters.local.database import Database
    from pilotlight.adapters.local.wake import WakeSocket
    from pilotlight.contracts.message import JobMessage
    from pilotlight.ports.clock import Clock

_PORTS: Final = (
    "SELECT wake_port FROM replica WHERE worker = ? AND ended_at IS NULL AND wake_port IS NOT NULL"
)


class TableQueueSender:
    rides_on_store = True

    def __init__(
        self, database: Database, wake: WakeSocket, fleet_of: Callable[[str], str] = str
    ) -> None:
        """``fleet_of`` a worker: its own name, or that of the pool it is in."""
        self._db, self._wake, self._fleet_of = database, wake, fleet_of

    def send(self, message: JobMessage) -> None:
        self.poke(message.worker)

    def poke(self, worker: str, *job_ids: str) -> None:
        ports = [port for (port,) in self._db.read(_PORTS, (self._fleet_of(worker),))]
        self._wake.say(ports, job_ids)


def ranks(database: Database) -> Callable[[str], tuple[int, int]]:
    """A job's priority and turn. Turns of several workers count on one scale, that of the rows."""

    def rank(job_id: str) -> tuple[int, int]:
        sql = "SELECT priority, turn FROM job WHERE id = ?"
        found: tuple[int, int] | None = database.read(sql, (job_id,)).fetchone()
        return found or (0, 0)  # it was forgotten this very moment

    return rank


class TableQueueReceiver:
    """Deliveries need no keeping: until a row is leased it simply stays where it is."""

    def __init__(
        self,
        database: Database,
        wake: WakeSocket,
        clock: Clock,
        *,
        worker: str,
        replica_id: str,
        fleet: str | None = None,
    ) -> None:
        """``fleet``: the pool that the replica is of; None: it serves this worker alone."""
        self._db, self._wake, self._clock, self._worker = database, wake, clock, worker
        self._fleet = fleet or worker
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
        ports = [port for (port,) in self._db.read(_PORTS, (self._fleet,))]
        self._wake.say(ports, [delivery.job_id])

    def leave(self) -> None:
        """Nothing to do: what waits in the table belongs to nobody."""

    def close(self) -> None:
        self._wake.close()
