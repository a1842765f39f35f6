"""The lines of a manifest: an input each, or ``{"custom_id", "input"}``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from pilotlight.errors import MalformedBody
from pilotlight.intake import strict
from pilotlight.intake.drop import naming
from pilotlight.intake.groups.batches.format import BadLine
from pilotlight.intake.groups.batches.lines import bad
from pilotlight.intake.submission import Submission

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pilotlight.contracts.job import Job, JobError
    from pilotlight.intake.drop.results import Results
    from pilotlight.intake.groups.batches.format import Ended, Make
    from pilotlight.intake.groups.batches.lines import Line
    from pilotlight.intake.groups.batches.ticket import Ticket

ORIGIN: Final = "drop"
_WRAPPED: Final = frozenset({"custom_id", "input"})


@dataclass(frozen=True, slots=True)
class ManifestLines:
    """See :class:`pilotlight.intake.groups.batches.format.Format`."""

    results: Results

    def claims(self, text: bytes, *, caller: str) -> dict[str, object] | None:  # noqa: ARG002 - what nobody else claims is ours
        return None

    def check(self, ticket: Ticket, text: bytes) -> str | None:  # noqa: ARG002 - every manifest's lines are alike
        own_id, _ = _read(text)
        return own_id

    def member(self, ticket: Ticket, line: Line, make: Make) -> Job:
        return make(_wish(ticket, line))

    def refused(self, ticket: Ticket, line: Line) -> Submission:
        return _wish(ticket, line)

    def heard(self, head: Job, ticket: Ticket, ended: Sequence[Job]) -> None:  # noqa: ARG002 - the key says all
        for job in ended:
            options = json.loads(job.options)
            name = naming.line_name(key_of(ticket), int(job.member or 0), options.get("custom_id"))
            self.results.write(name, job)

    def finish(self, ended: Ended) -> str | JobError:
        """Counts, for the webhook; every line's own result is there already."""
        tally = ended.tally
        counts = {"total": tally.total, "succeeded": tally.succeeded}
        said = {"key": naming.shown(key_of(ended.ticket)), **counts}
        return json.dumps({**said, "failed": tally.ended - tally.succeeded})

    def files(self, head: Job) -> Iterator[tuple[str, BinaryIO]]:  # noqa: ARG002 - Format's
        """Each line has its own."""
        yield from ()


def key_of(ticket: Ticket) -> str:
    return bytes.fromhex(ticket.given["key"]).decode("utf-8", "surrogateescape")


def _wish(ticket: Ticket, line: Line) -> Submission:
    own_id, body = _read(line.text)
    options: dict[str, Any] = {"line": line.number}
    if own_id is not None:
        options["custom_id"] = own_id
    return Submission(
        caller=ticket.given["caller"],
        endpoint=ticket.given["endpoint"],
        body=json.dumps(body, ensure_ascii=False).encode(),
        origin=ORIGIN,
        options=options,
    )


def _read(text: bytes) -> tuple[str | None, dict[str, Any]]:
    """Own id and input. Raises BadLine."""
    try:
        strict.check(text)
        found = json.loads(text)
        json.dumps(found, ensure_ascii=False).encode()
    except MalformedBody as error:
        raise BadLine("", bad((), "invalid_json_line", str(error))) from None
    except UnicodeEncodeError:
        raise BadLine("", bad((), "invalid_json_line", "half a surrogate pair")) from None
    if not isinstance(found, dict):
        raise BadLine("", bad((), "invalid_json_line", "this line is not a JSON object"))
    own_id = found.get("custom_id")
    if own_id is not None and not (isinstance(own_id, str) and 0 < len(own_id) <= 512):
        said = "custom_id must be a text of 1 to 512 characters"
        raise BadLine("", bad(("custom_id",), "invalid_custom_id", said))
    if found.keys() <= _WRAPPED and isinstance(found.get("input"), dict):
        return own_id, found["input"]
    return own_id, {name: value for name, value in found.items() if name != "custom_id"}
