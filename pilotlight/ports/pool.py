"""What a pooled host asks its router: which job next, and what has to be loaded for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Head:
    """The job of one worker that is next in its queue."""

    job_id: str
    order: int
    """Lower came earlier, or is due earlier by fair turns, also among workers."""
    priority: int = 0
    """Lower goes first, whatever it takes to load."""


@dataclass(frozen=True, slots=True)
class Switch:
    """What has to be done before a worker's jobs can run here."""

    worker: str
    park: str = ""
    """Whose model gives up the GPU and stays in memory."""
    drop: tuple[str, ...] = ()
    """Whose models are let go of."""


@dataclass(frozen=True, slots=True)
class Choice:
    worker: str
    switch: Switch | None = None
    """None: its model is in place, the job may begin."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a host has loaded."""

    in_place: str = ""
    """Whose jobs would begin at once."""
    in_memory: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another host of the pool, as it last described itself."""

    id: str
    held: Held
    """While it switches: the model on its way is the one in place."""
    busy_until: float | None = None
    """Seconds since the epoch, as far as it can tell; None: it waits for jobs."""


class Neighbours(Protocol):
    """The hosts of one pool, and what they tell each other. Hints: nothing rests on them."""

    def tell(self, held: Held, *, busy_until: float | None) -> None: ...

    def others(self) -> list[Neighbour]:
        """Those that are ready and not on their way out."""
        ...


class Router(Protocol):
    """One host's; monotonic seconds."""

    def choose(
        self, heads: Mapping[str, Head], now: float, others: Iterable[tuple[Neighbour, float]] = ()
    ) -> Choice | None:
        """None: nothing to do here now, or another host does better: ``others``, each with the
        seconds until it can begin. What it chose is taken as done once ``began`` is told.
        """
        ...

    def expected_s(self, worker: str) -> float:
        """How long a load of this worker's model takes here now."""
        ...

    def began(self, worker: str, now: float) -> None:
        """Its job was given to the model."""
        ...

    def switched(
        self, switch: Switch, *, took_s: float, size_gib: float, dropped: Iterable[str], now: float
    ) -> tuple[str, ...]:
        """It is done; whose models have to go as well, now that the size is known.

        ``dropped``: models that could not be parked and have gone.
        """
        ...

    def failed(self, switch: Switch, now: float) -> None:
        """Its model cannot be loaded here; it is tried again later. What was to go has gone."""
        ...

    def lost(self) -> None:
        """The child died: nothing is loaded."""
        ...

    def held(self) -> Held: ...
