"""Batches as a kind of group: each line of a file is a member."""

from __future__ import annotations

import contextlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from pilotlight.contracts.job import JobError
from pilotlight.errors import PilotlightError, UnknownFile
from pilotlight.intake.groups.batches import lines
from pilotlight.intake.groups.batches.format import BadLine, Ended
from pilotlight.intake.groups.batches.ticket import Spread, Ticket, line_key
from pilotlight.intake.groups.kind import Chunk, Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pilotlight.contracts.group import Tally
    from pilotlight.contracts.job import Job
    from pilotlight.errors import Problem
    from pilotlight.intake.groups.batches.format import Format
    from pilotlight.intake.groups.batches.lines import Line
    from pilotlight.intake.groups.members import Members
    from pilotlight.intake.submission import Submission
    from pilotlight.ports.blobs import Blobs
    from pilotlight.ports.clock import Clock
    from pilotlight.ports.groups import GroupStore

_PAGE: Final = 500
_FETCHES: Final = 16
_PORTION_BYTES: Final = 8 * 1024 * 1024
"""Of lines in memory; the last of them may be longer than that alone."""


@dataclass(slots=True, kw_only=True)
class Batches:
    """``formats``: by the origin of a batch; whoever opens batches puts its own there."""

    groups: GroupStore
    blobs: Blobs
    members: Members
    clock: Clock
    most_line_bytes: int
    formats: dict[str, Format] = field(default_factory=dict)

    # Members

    def more(self, head: Job, tally: Tally, *, limit: int) -> Chunk | None:
        ticket, spread = Ticket.of(head), Spread.read(tally.cursor)
        try:
            if spread.since is None:
                return self._looked_through(head, ticket)
            return self._added(head, ticket, spread, limit)
        except UnknownFile:
            return _nothing_more(replace(spread, wrong="file"))

    def _looked_through(self, head: Job, ticket: Ticket) -> Chunk:
        """All of the file before any of it runs; killed meanwhile, it is done again."""
        found = lines.check(
            self.blobs, ticket, self.formats[head.origin], most_bytes=self.most_line_bytes
        )
        if found.problems:
            return _nothing_more(Spread(wrong="lines"))
        return Chunk(cursor=Spread(total=found.total, since=self.clock.now()).text())

    def _added(self, head: Job, ticket: Ticket, spread: Spread, limit: int) -> Chunk:
        found, all_of_it = _portion(self._lines(ticket, spread), limit)
        jobs = self._jobs(head, ticket, found)
        if found:
            spread = replace(spread, at=found[-1].behind, line=found[-1].number)
        return Chunk(jobs=jobs, cursor=spread.text(), last=all_of_it)

    def _jobs(self, head: Job, ticket: Ticket, found: Sequence[Line]) -> list[Job]:
        """At once where files may have to be fetched: others wait for us meanwhile."""
        make = partial(self._job, head, ticket)
        if not any(b"://" in line.text for line in found):
            return [make(line) for line in found]
        with ThreadPoolExecutor(_FETCHES, thread_name_prefix="lines") as pool:
            return list(pool.map(make, found))

    def _lines(self, ticket: Ticket, spread: Spread) -> Iterator[Line]:
        return lines.lines(
            self.blobs,
            ticket.file,
            most_bytes=self.most_line_bytes,
            at=spread.at,
            line=spread.line,
        )

    def _job(self, head: Job, ticket: Ticket, line: Line) -> Job:
        """One that cannot be run is born failed."""
        form, key = self.formats[head.origin], line_key(line.number)
        left_s = max(1.0, head.start_by - self.clock.now())

        def make(submission: Submission) -> Job:
            return self.members.ready(head, key, replace(submission, start_timeout_s=left_s))

        try:
            return form.member(ticket, line, make)
        except PilotlightError as error:
            if error.retryable:
                raise
            wish = form.refused(ticket, line)
            options = json.dumps(wish.options, ensure_ascii=False)
            return replace(self.members.refused(head, key, wish, error), options=options)

    def advance(self, head: Job, ended: Sequence[Job]) -> None:
        if ended:
            self.formats[head.origin].heard(head, Ticket.of(head), ended)

    # The end

    def finish(self, head: Job, tally: Tally) -> Result | JobError:
        ticket, spread = Ticket.of(head), Spread.read(tally.cursor)
        form = self.formats[head.origin]
        if spread.wrong == "lines":
            return self._bad_lines(head, ticket)
        if spread.wrong == "file" and not tally.total:
            return JobError("file_not_found", "the file with the lines is not there any more", 404)
        said = form.finish(self._ended(head, ticket, tally))
        return Result(output=said) if isinstance(said, str) else said

    def _bad_lines(self, head: Job, ticket: Ticket) -> JobError:
        try:
            problems = lines.check(
                self.blobs, ticket, self.formats[head.origin], most_bytes=self.most_line_bytes
            ).problems
        except UnknownFile:
            problems = ()
        return JobError(BadLine.code, _said(problems), 422, problems)

    def wind_up(self, head: Job, tally: Tally) -> None:
        form = self.formats[head.origin]
        form.finish(self._ended(head, Ticket.of(head), tally))

    def _ended(self, head: Job, ticket: Ticket, tally: Tally) -> Ended:
        def rows() -> Iterable[Job]:
            after = ""
            while page := self.groups.members(head.id, after=after, limit=_PAGE):
                yield from page
                after = page[-1].member or ""

        def rest() -> Iterable[Line]:
            spread = Spread.read(tally.cursor)
            if spread.total > tally.total:
                with contextlib.suppress(UnknownFile):  # deleted meanwhile: nobody knows them
                    yield from self._lines(ticket, spread)

        return Ended(head, ticket, tally, rows, rest)


def _portion(found: Iterator[Line], limit: int) -> tuple[list[Line], bool]:
    """The next lines, and whether no other follows, as far as it is known."""
    portion: list[Line] = []
    size = 0
    for line in found:
        portion.append(line)
        size += len(line.text)
        if len(portion) == limit or size > _PORTION_BYTES:
            return portion, False
    return portion, True


def _nothing_more(spread: Spread) -> Chunk:
    return Chunk(cursor=spread.text(), last=True)


def _said(problems: Sequence[Problem]) -> str:
    """The first of them in full; none when the file went away between two looks."""
    if not problems:
        return "the file with the lines is not there any more"
    first, more = problems[0], len(problems) - 1
    line = first.context.get("line")
    where = "" if line is None else f"line {line}: "
    return f"{where}{first.message}" + (f" (and {more} more)" if more else "")
