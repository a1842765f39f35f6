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


class Router(Protocol):
    """One host's; monotonic seconds."""

    def choose(self, heads: Mapping[str, Head], now: float) -> Choice | None:
        """None: nothing to do here now. What it chose is taken as done once ``began`` is told."""
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
