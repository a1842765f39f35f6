"""Where jobs wait. A delivery is only a hint: it may be lost, doubled or late without harm."""

from __future__ import annotations

from dataclasses import dataclass
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

    def leave(self) -> None:
        """This replica wants no more: hints that it has not received go back to others.

        Called once, and followed by ``close`` when everything in hand is settled.
        """
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was received too often and never settled."""

    job_id: str | None
    """None when it cannot be read."""
    sent_at: float
    receives: int
    token: str
    """Belongs to the adapter."""


class DeadLetters(Protocol):
    """Where a queue puts what it gives up on. Upkeep's side."""

    def receive(self, *, limit: int) -> list[DeadLetter]:
        """Up to ``limit`` that are there now; one that is not dropped comes again later.

        Raises Unavailable.
        """
        ...

    def drop(self, letter: DeadLetter) -> None:
        """Forget it. Raises Unavailable."""
        ...
