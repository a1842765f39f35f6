"""What the lines of a batch mean and what becomes of them, in the words of whoever brought it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Protocol

from pilotlight.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

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

    def claims(self, text: bytes, *, caller: str) -> dict[str, object] | None:
        """What to put into the ticket of a file that begins with this line; None: not our words."""
        ...

    def check(self, ticket: Ticket, text: bytes) -> str | None:
        """The line's own id, if it has one: no other line may have it. Raises BadLine."""
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

    def files(self, head: Job) -> Iterator[tuple[str, BinaryIO]]:
        """What a batch that is over left, by a name for it; to be closed by whoever reads."""
        ...

    def finish(self, ended: Ended) -> str | JobError:
        """The batch is over, or has to end: JSON for the head's output."""
        ...
