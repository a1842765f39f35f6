"""What the lines of a batch mean and what becomes of them, in the words of whoever brought it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pilotlight.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pilotlight.contracts.group import Tally
    from pilotlight.contracts.job import Job, JobError
    from pilotlight.intake.groups.batches.lines import Line
    from pilotlight.intake.groups.batches.ticket import Ticket
    from pilotlight.intake.submission import Submission


Make = Callable[["Submission"], "Job"]


class BadLine(InvalidInput):
    """A line that is no request at all: nothing of its file is run.

    Its one problem has the line's field as ``loc`` and the word for programs as ``type``.
    """

    code = "invalid_line"


@dataclass(frozen=True, slots=True)
class Ended:
    """A batch whose members are over. Each iterable may be read again, a page at a time."""

    head: Job
    ticket: Ticket
    tally: Tally
    rows: Callable[[], Iterable[Job]]
    """Its members in the order of their lines."""
    rest: Callable[[], Iterable[Line]]
    """Lines that never became members, because the batch ended before."""


class Format(Protocol):
    """Whatever it writes must be the same when it is called again."""

    def check(self, ticket: Ticket, text: bytes) -> str:
        """The line's own id, which no other line of the file may have. Raises BadLine."""
        ...

    def member(self, ticket: Ticket, line: Line, make: Make) -> Job:
        """The job that ``make`` makes of the line. Raises PilotlightError in the caller's words."""
        ...

    def refused(self, ticket: Ticket, line: Line) -> Submission:
        """Endpoint and options of a line that cannot be run."""
        ...

    def heard(self, head: Job, ticket: Ticket, ended: Sequence[Job]) -> None:
        """These members are over; each is told of once at least."""
        ...

    def finish(self, ended: Ended) -> str | JobError:
        """The batch is over, or has to end: JSON for the head's output."""
        ...
