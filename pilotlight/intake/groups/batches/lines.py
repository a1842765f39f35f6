"""The lines of a file, one at a time: never the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

from pilotlight.errors import Problem
from pilotlight.intake.groups.batches.format import BadLine, Format
from pilotlight.intake.groups.batches.ticket import MOST_LINES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pilotlight.intake.groups.batches.ticket import Ticket
    from pilotlight.ports.blobs import Blobs

MOST_SHOWN: Final = 100
"""Bad lines that are told of; the file is read no further."""
_BOM: Final = b"\xef\xbb\xbf"


class Line(NamedTuple):
    number: int
    """From 1, blank lines counted: what an editor shows."""
    text: bytes
    behind: int
    """Byte of the file where the next line begins."""


def opened(blobs: Blobs, key: str, *, at: int = 0) -> BinaryIO:
    """The file from that byte on. Raises UnknownFile."""
    file = blobs.open(key)
    try:
        file.seek(at)
    except BaseException:
        file.close()
        raise
    return file


def lines(blobs: Blobs, key: str, *, most_bytes: int, at: int = 0, line: int = 0) -> Iterator[Line]:
    """Those that are not blank, from byte ``at`` on, ``line`` lines lie before that.

    Raises UnknownFile, and BadLine for one of more than ``most_bytes``.
    """
    with opened(blobs, key, at=at) as file:
        while text := file.readline(most_bytes + 1):
            at, line = at + len(text), line + 1
            if len(text) > most_bytes:
                raise BadLine(f"line {line}", bad((), "line_too_long", "too long", line))
            if line == 1:
                text = text.removeprefix(_BOM)
            if text := text.strip():
                yield Line(line, text, at)


def bad(loc: tuple[str | int, ...], code: str, message: str, line: int | None = None) -> Problem:
    context: dict[str, object] = {} if line is None else {"line": line}
    return Problem(loc, message, code, context)


class Checked(NamedTuple):
    total: int
    problems: tuple[Problem, ...]
    """Each with its ``line`` in its context."""


def check(blobs: Blobs, ticket: Ticket, form: Format, *, most_bytes: int) -> Checked:
    """Look through the whole file; what is kept of a line is a number. Raises UnknownFile."""
    problems: list[Problem] = []
    seen: set[int] = set()
    total = 0
    try:
        for line in lines(blobs, ticket.file, most_bytes=most_bytes):
            total += 1
            if total > MOST_LINES:
                said = f"more than {MOST_LINES} lines"
                problems.append(bad((), "too_many_lines", said, line.number))
                break
            problem = _wrong(ticket, form, line, seen)
            if problem is not None:
                problems.append(problem)
            if len(problems) == MOST_SHOWN:
                break
    except BadLine as error:
        problems.extend(error.problems)
    if not total and not problems:
        problems.append(bad((), "empty_file", "the file has no lines"))
    return Checked(total, tuple(problems))


def _wrong(ticket: Ticket, form: Format, line: Line, seen: set[int]) -> Problem | None:
    try:
        own_id = form.check(ticket, line.text)
    except BadLine as error:
        first = error.problems[0]
        return bad(first.loc, first.type, first.message, line.number)
    if own_id is None:
        return None
    # 64 bits of each: two of 50,000 that are not equal look so once in ten billion files.
    mark = hash(own_id)
    if mark in seen:
        said = f"{own_id[:100]!r} is the custom_id of an earlier line too"
        return bad(("custom_id",), "duplicate_custom_id", said, line.number)
    seen.add(mark)
    return None
