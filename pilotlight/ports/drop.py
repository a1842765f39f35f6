"""The drop folder: files that somebody puts there, what became of them, and what was taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pilotlight.errors import PilotlightError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


class Replaced(PilotlightError):
    """The object is not the version that was seen, or not there any more."""

    code = "object_replaced"
    http_status = 409
    retryable = True


@dataclass(frozen=True, slots=True)
class Dropped:
    """One version of one object. ``key`` is opaque: whatever its owner called it."""

    key: str
    """Below ``drop/``, parts joined by slashes; bytes that are not UTF-8 as surrogates."""
    size: int
    version: str
    """Another one whenever the content may be another."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A version that became a job, or was refused."""

    id: str
    """Of this version: whoever sees it gives it the same."""
    key: str
    job_id: str | None
    """None: it was refused, and its error lies among the results."""
    pending: bool = True
    """Its results are not written yet."""


class DropFolder(Protocol):
    """Reads what is dropped and writes results; changes nothing that is somebody else's."""

    whole: bool
    """What is seen has all its bytes; else it may still be written to."""

    def is_there(self) -> bool: ...

    def listing(self) -> Iterator[Dropped]:
        """Every plain file, in no order. What cannot be read is left out."""
        ...

    def look(self, key: str) -> Dropped | None:
        """The object as it is now."""
        ...

    def read(self, dropped: Dropped) -> Iterator[bytes]:
        """Its content in chunks. Raises Replaced, at the end at the latest."""
        ...

    def write(self, name: str, content: Iterable[bytes]) -> None:
        """Put a result, whole or not at all; ``name`` is a key and more, below ``drop-results/``."""
        ...

    def remove(self, name: str) -> None:
        """Take away a result that is not true any more; a missing one is fine."""
        ...


class DropLedger(Protocol):
    """What was taken, for as long as the deployment lives: files stay where they are dropped."""

    def known(self, ids: Sequence[str]) -> set[str]:
        """Those that were taken before."""
        ...

    def add(self, taken: Sequence[Taken]) -> None:
        """Durable with the jobs; one that is known already stays as it is."""
        ...

    def pending(self, *, limit: int) -> list[Taken]:
        """Those whose results are not written, oldest first.

        Where there may be more, the next call goes on behind the last of them, and in the end from
        the first again: what waits long in front hides nothing.
        """
        ...

    def settle(self, taken: Taken) -> None:
        """Its results are written."""
        ...

    def newest(self, key: str) -> str | None:
        """Id of the version of this object that was taken last."""
        ...

    def counts(self) -> tuple[int, int]:
        """How many were taken, and how many of them are pending."""
        ...
