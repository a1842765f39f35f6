"""The stages of a cold start, and how a worker says which one it is in.

Where no one asks for capacity (``run_once``, a test) saying so costs nothing and does nothing.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, Literal, Protocol, get_args

if TYPE_CHECKING:
    from collections.abc import Iterator

LoadStage = Literal["imports", "weights", "device", "warm_up"]
"""What ``load`` may say: libraries, bytes from disk or network, onto the GPU, a first run."""
SAID: Final[tuple[str, ...]] = get_args(LoadStage)
CAPACITY: Final = "capacity"
"""Asked for, until the replica's own process runs: the machine, the container, the interpreter."""
PROCESS: Final = "process"
"""Until the process of the model runs."""
UNSAID: Final = "load"
"""What ``load`` does and does not name."""
STAGES: Final = (CAPACITY, PROCESS, "imports", UNSAID, "weights", "device", "warm_up")
"""In the order in which they usually come."""


class Listening(Protocol):
    """Who times the stages of this process."""

    def enter(self, name: str) -> None: ...

    def leave(self) -> None: ...

    def progress(self, fraction: float) -> None: ...


listening: Final[ContextVar[Listening | None]] = ContextVar("listening", default=None)
"""Threads that a worker starts have nobody listening: two stages at once would mean nothing."""


class Stage:
    """One stage while it lasts."""

    def __init__(self, listener: Listening | None) -> None:
        self._listener = listener

    def progress(self, fraction: float) -> None:
        """How far it is, 0 to 1. Cheap enough to be called for every block that is read."""
        if self._listener is not None:
            self._listener.progress(min(max(float(fraction), 0.0), 1.0))


@contextmanager
def stage(name: LoadStage) -> Iterator[Stage]:
    """Time this part of ``load`` under its name: callers that wait see it, and learn how long.

    May be nested (the inner one counts) and repeated (the times add up). Raises ValueError for a
    name that is not a stage.
    """
    if name not in SAID:
        raise ValueError(f"{name!r} is not a stage of a load; there are: {', '.join(SAID)}")
    listener = listening.get()
    if listener is None:
        yield Stage(None)
        return
    listener.enter(name)
    try:
        yield Stage(listener)
    finally:
        listener.leave()
