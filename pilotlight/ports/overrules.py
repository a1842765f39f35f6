"""What an operator says over a worker's declaration, while everything runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Overrule:
    """None leaves it to the settings and the worker's declaration."""

    min_replicas: int | None = None
    max_replicas: int | None = None
    paused: bool = False
    """Nothing starts, no job begins and what idles goes; jobs that run are finished."""
    since: float | None = None
    """When it was paused, where that is known."""


class Overrules(Protocol):
    def read(self) -> Mapping[str, Overrule]:
        """By worker, those that say anything. Never raises: what was last known holds."""
        ...

    def pause(self, worker: str, *, now: float) -> None:
        """Until it is taken back, whoever starts and ends meanwhile. ``worker`` may be a pool."""
        ...

    def resume(self, worker: str) -> None: ...
