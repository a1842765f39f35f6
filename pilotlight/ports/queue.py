"""Where jobs wait. A delivery is only a hint: it may be lost, doubled or late without harm."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pilotlight.contracts.message import JobMessage


class Delivery(NamedTuple):
    """A hint that this job may be leased; ``token`` belongs to the adapter."""

    job_id: str
    token: str = ""


class QueueSender(Protocol):
    """The ingress's and upkeep's side."""

    rides_on_store: bool
    """True when the job row itself is the queue: a created row already waits, send only wakes."""

    def send(self, message: JobMessage) -> None:
        """Raises Unavailable when the queue cannot be reached; upkeep then sends it later."""
        ...

    def poke(self, worker: str, *job_ids: str) -> None:
        """Ask replicas of the worker to look at these rows at once; may do nothing."""
        ...


class QueueReceiver(Protocol):
    """One replica's side: at least once, and only for its own worker."""

    def receive(self, *, limit: int) -> list[Delivery]:
        """Up to ``limit`` hints that are there now; never blocks."""
        ...

    def fileno(self) -> int:
        """Readable when ``receive`` or ``poked`` may have something."""
        ...

    def poked(self) -> list[str]:
        """Drain the wake-ups; job ids to look at (cancelled ones, for example)."""
        ...

    def extend(self, deliveries: Sequence[Delivery], *, seconds: float) -> None:
        """Keep the hints of leased jobs from being given to others."""
        ...

    def ack(self, delivery: Delivery) -> None:
        """The row says all there is to say: forget the hint."""
        ...

    def release(self, delivery: Delivery) -> None:
        """Give the hint to others now."""
        ...

    def close(self) -> None: ...
