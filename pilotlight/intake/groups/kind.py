"""What a kind of group must say: which members come next, what an end means, what it comes to.

A batch, a manifest and the run of an agent are kinds. Each method may be called again for the
same thing, by another process too: what it writes must be conditional or the same each time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pilotlight.contracts.group import Tally
    from pilotlight.contracts.job import Job, JobError


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Members to add in one write. Their ids are :func:`~pilotlight.contracts.group.member_id`."""

    jobs: Sequence[Job] = ()
    cursor: str
    """Where the next chunk begins, in the kind's own words; another one than before."""
    last: bool = False
    """No other follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a group comes to, as a job's output: files in it are ``artifact:N``."""

    output: str
    artifacts: str = "[]"


class Kind(Protocol):
    def more(self, head: Job, tally: Tally, *, limit: int) -> Chunk | None:
        """At most ``limit`` members from ``tally.cursor`` on; None: none can be added now.

        Called while the group is open and not too many of its members wait.
        """
        ...

    def advance(self, head: Job, ended: Sequence[Job]) -> None:
        """Start whatever can be started by now. ``ended`` are members that are over and were not
        told of before, often none.
        """
        ...

    def finish(self, head: Job, tally: Tally) -> Result | JobError:
        """Every member is over: how the group ends."""
        ...

    def wind_up(self, head: Job, tally: Tally) -> None:
        """The group ended before its members did, and now they are over too."""
        ...
