"""A job's log lines, progress and partial outputs, followed live."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence
    from contextlib import AbstractAsyncContextManager

FeedKind = Literal["log", "progress", "partial", "stage"]


class NewEntry(NamedTuple):
    job_id: str
    kind: FeedKind
    body: str
    """JSON text: ``{"message","level"}`` (log), ``{"fraction","note"}``, an output (partial)."""
    at: float


class Entry(NamedTuple):
    seq: int
    """Rises within a job; where to read on from."""
    kind: FeedKind
    body: str
    at: float


class Feed(Protocol):
    """Append only; entries of one job keep their order."""

    def append(self, entries: Sequence[NewEntry]) -> None: ...

    def read(
        self, job_id: str, *, after: int = 0, limit: int = 1000, kind: FeedKind | None = None
    ) -> list[Entry]: ...


class Changes(Protocol):
    async def wait(self, timeout_s: float) -> None:
        """Return when the job or its feed may have changed, or after the timeout.

        A change between two calls is never missed: read, then wait, in a loop.
        """
        ...


class Watch(Protocol):
    """How the ingress learns of changes without asking all the time."""

    def job(self, job_id: str) -> AbstractAsyncContextManager[Changes]: ...

    def on_change(self, hook: Callable[[Sequence[str]], None]) -> None:
        """Call ``hook`` with the ids of every announcement that is heard, on the event loop."""
        ...

    def open(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start listening; what is announced before is not heard."""
        ...

    def close(self, loop: asyncio.AbstractEventLoop) -> None: ...


class Announcer(Protocol):
    """The replica's side of Watch: best effort, followers also look by themselves."""

    def changed(self, job_ids: Sequence[str]) -> None: ...
