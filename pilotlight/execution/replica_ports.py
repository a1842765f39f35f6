"""What a replica is given to work with: its ports and settings, in one value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pilotlight.observability import logs

if TYPE_CHECKING:
    from collections.abc import Callable

    from pilotlight.contracts.job import Job
    from pilotlight.ports.blobs import Blobs
    from pilotlight.ports.clock import Clock
    from pilotlight.ports.feed import Announcer, Feed
    from pilotlight.ports.fleet import Roster
    from pilotlight.ports.queue import Delivery, QueueReceiver
    from pilotlight.ports.store import JobStore
    from pilotlight.settings import Settings


def _nothing(_job: Job) -> None:
    """Nothing was begun elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaPorts:
    store: JobStore
    queue: QueueReceiver
    feed: Feed
    blobs: Blobs
    roster: Roster
    announcer: Announcer
    clock: Clock
    settings: Settings
    let_go: Callable[[Job], None] = _nothing
    """End what this job left elsewhere: nobody runs it, and nobody will. Blocks; may raise."""

    def ack(self, delivery: Delivery) -> None:
        """The row says all there is to say. Never raises."""
        _settle(self.queue.ack, delivery)

    def release(self, delivery: Delivery) -> None:
        """Others may have it now. Never raises."""
        _settle(self.queue.release, delivery)


def _settle(settle: Callable[[Delivery], None], delivery: Delivery) -> None:
    """A hint that is not settled comes again, and the row then says that all is done."""
    try:
        settle(delivery)
    except Exception:  # noqa: BLE001 - a port may fail in its vendor's own words
        logs.failure("queue.settle_failed", job_id=delivery.job_id)
