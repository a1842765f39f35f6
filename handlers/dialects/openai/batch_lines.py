"""The lines of a batch, in and out.

In: ``{"custom_id", "method": "POST", "url", "body"}``. ``url`` is one of this dialect's calls or,
which OpenAI does not have, ``/run/ENDPOINT`` with that endpoint's own input. Out: a line for each,
in the order of the input: those with an answer in one file, the others in another.

Wire facts: https://platform.openai.com/docs/guides/batch and the reference of ``/batches``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, Final

from handlers.dialects.openai import errors, operations, replies
from handlers.dialects.openai.calls import document_of, in_callers_names, prepared
from handlers.dialects.openai.operation import Document, Operation, Text, TheFile
from handlers.dialects.openai.places import DIALECT_NAME
from pilotlight.bootstrap.ingress import Services
from pilotlight.contracts.job import Job, JobStatus
from pilotlight.errors import IllegalTransition, PilotlightError, UnknownFile
from pilotlight.intake.groups.batches.format import BadLine, Ended, Make
from pilotlight.intake.groups.batches.lines import Line, bad
from pilotlight.intake.groups.batches.ticket import Ticket
from pilotlight.intake.submission import Submission
from pilotlight.ports.files import FileRecord

RUN: Final = "/run/"
OUTPUT, ERRORS = "output", "error"
_NUMBERS: Final = {OUTPUT: "01", ERRORS: "02"}
_FIELDS: Final = frozenset({"custom_id", "method", "url", "body"})
_EXPIRED: Final = {
    "code": "batch_expired",
    "message": "This request could not be executed before the completion window expired.",
}
_CANCELLED: Final = {
    "code": "batch_cancelled",
    "message": "This request was not executed because its batch was cancelled.",
}


def file_id(head_id: str, which: str) -> str:
    """The same for whoever writes the file."""
    return f"file-{head_id.replace('-', '')}{_NUMBERS[which]}"


def operation_at(url: str) -> Operation | None:
    return operations.for_path(url)


@dataclass(frozen=True, slots=True)
class BatchLines:
    """See :class:`pilotlight.intake.groups.batches.format.Format`."""

    services: Services

    def claims(self, text: bytes, *, caller: str) -> dict[str, object] | None:
        try:
            line = _line(text)
        except BadLine:
            return None
        if line.keys() != _FIELDS:
            return None
        ingress = self.services.settings.ingress
        site = (ingress.public_url or f"http://{ingress.host}:{ingress.port}").rstrip("/")
        given = {"url": line["url"], "caller": caller, "site": site, "file": None}
        return {**given, "window": "14d", "metadata": None}

    def check(self, ticket: Ticket, text: bytes) -> str:
        line = _line(text)
        own_id, url, body = line.get("custom_id"), line.get("url"), line.get("body")
        if not (isinstance(own_id, str) and own_id and len(own_id) <= 512):
            raise _bad("custom_id", "invalid_custom_id", "must be a text of 1 to 512 characters")
        if line.get("method") != "POST":
            raise _bad("method", "invalid_method", "must be POST")
        if url != ticket.given["url"]:
            said = f"must be the batch's own endpoint, {ticket.given['url']}"
            raise _bad("url", "mismatched_url", said)
        if not isinstance(body, dict):
            raise _bad("body", "invalid_body", "must be an object")
        return own_id

    def member(self, ticket: Ticket, line: Line, make: Make) -> Job:
        document = document_of(line.text)
        own_id, url, body = document["custom_id"], str(document["url"]), document["body"]
        caller, site = ticket.given["caller"], ticket.given["site"]
        operation = operation_at(url)
        if operation is None:
            return make(_run(ticket, own_id, url, body))
        body = {name: value for name, value in body.items() if name not in _ALONE}
        asked = prepared(self.services.catalogue, operation, body, caller=caller, site=site)
        options = {**asked.submission.options, "custom_id": own_id}
        with in_callers_names(asked.names):
            return make(replace(asked.submission, options=options, streaming=False))

    def refused(self, ticket: Ticket, line: Line) -> Submission:
        document = _line(line.text)
        url, body = str(document["url"]), document["body"]
        wish = _run(ticket, document["custom_id"], url, {})
        if url.startswith(RUN):
            return wish
        return replace(wish, endpoint=str(body.get("model", url))[:255])

    def heard(self, head: Job, ticket: Ticket, ended: Sequence[Job]) -> None:
        """Nothing is written before the end."""

    def files(self, head: Job) -> Iterator[tuple[str, BinaryIO]]:
        for which in _NUMBERS:
            try:
                own_id = file_id(head.id, which)
                yield f"{which}.jsonl", self.services.files.open(own_id, caller=head.caller)
            except UnknownFile:
                continue

    def finish(self, ended: Ended) -> str:
        """Both files, as far as they have lines. Written again they say the same."""
        tally = ended.tally
        if tally.succeeded:
            self._keep(ended, OUTPUT, self._answers(ended))
        if tally.succeeded < _total(ended):
            self._keep(ended, ERRORS, self._failures(ended))
        return json.dumps({"batch": ended.head.id})

    def _keep(self, ended: Ended, which: str, said: Iterable[Document]) -> None:
        head, files, clock = ended.head, self.services.files, self.services.clock
        keep_s = ended.ticket.given.get("output_keep_s")
        since = head.created_at if keep_s else clock.now()
        expires_at = since + (keep_s or self.services.settings.job.retention_s)
        own_id = file_id(head.id, which)
        name = f"batch_{head.id.replace('-', '')}_{which}.jsonl"
        info = files.blobs.put(
            f"kept/{head.caller}/{own_id}",
            _joined(said),
            content_type="application/jsonl",
            file_name=name,
            expires_at=expires_at,
        )
        record = FileRecord(
            id=own_id, caller=head.caller, key=info.key, name=name, purpose="batch_output",
            content_type=info.content_type, size=info.size, sha256=info.sha256,
            created_at=clock.now(), expires_at=expires_at,
        )  # fmt: skip
        try:
            files.store.add(record)
        except IllegalTransition:  # by whoever was here before and did not live to say so
            return

    def _answers(self, ended: Ended) -> Iterator[Document]:
        for job in ended.rows():
            if job.status is JobStatus.SUCCEEDED:
                yield self._told(job, _response(job, 200, self._content(ended, job)), None)

    def _content(self, ended: Ended, job: Job) -> Any:
        site = ended.ticket.given["site"]
        try:
            content = replies.content_of(self.services, job, site=site)
        except (PilotlightError, OSError):  # its text or a file of it is gone already
            return None
        if isinstance(content, Text):
            return {"text": content.text}
        if isinstance(content, TheFile):
            return replies.output_of(self.services, job, site=site, inline=False)
        return content

    def _failures(self, ended: Ended) -> Iterator[Document]:
        for job in ended.rows():
            if job.status is not JobStatus.SUCCEEDED:
                yield self._told(job, *self._failure(job))
        over = _CANCELLED if ended.head.status is JobStatus.CANCELLED else _EXPIRED
        for line in ended.rest():
            own_id = _line(line.text)["custom_id"]
            name = f"batch_req_{ended.head.id.replace('-', '')}{line.number:06d}"
            yield {"id": name, "custom_id": own_id, "response": None, "error": over}

    def _failure(self, job: Job) -> tuple[Document | None, Document | None]:
        error = replies.error_of(self.services, job)
        assert error is not None
        if error.code == "group_expired" or job.status is JobStatus.EXPIRED:
            return None, _EXPIRED
        if job.status is JobStatus.CANCELLED:
            return None, _CANCELLED
        status, body = errors.body_of(error)
        return _response(job, status, body), None

    def _told(self, job: Job, response: Document | None, error: Document | None) -> Document:
        own_id = json.loads(job.options).get("custom_id")
        name = f"batch_req_{job.id.replace('-', '')}"
        return {"id": name, "custom_id": own_id, "response": response, "error": error}


_ALONE: Final = frozenset({"stream", "stream_options", "async", "webhook"})
"""What only somebody who waits can want."""


def _response(job: Job, status: int, body: Any) -> Document:
    return {"status_code": status, "request_id": job.id, "body": body}


def _run(ticket: Ticket, own_id: str, url: str, body: Document) -> Submission:
    return Submission(
        caller=ticket.given["caller"],
        endpoint=url.removeprefix(RUN),
        body=json.dumps(body, ensure_ascii=False).encode(),
        origin=DIALECT_NAME,
        options={"custom_id": own_id},
        base_url=ticket.given["site"],
    )


def _total(ended: Ended) -> int:
    """At least one line has no answer where this is more than those that have one."""
    return ended.tally.total + int(next(iter(ended.rest()), None) is not None)


def _line(text: bytes) -> Document:
    """Raises BadLine."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "not JSON"
        raise BadLine(
            "", bad((), "invalid_json_line", f"this line is not JSON: {reason}")
        ) from None
    if not isinstance(found, dict):
        raise BadLine("", bad((), "invalid_json_line", "this line is not a JSON object"))
    strange = found.keys() - _FIELDS
    if strange:
        name = min(strange)
        raise _bad(name[:100], "unknown_field", f"is none of {', '.join(sorted(_FIELDS))}")
    return found


def _bad(name: str, code: str, message: str) -> BadLine:
    return BadLine("", bad((name,), code, f"{name} {message}"))


def _joined(said: Iterable[Document]) -> Iterator[bytes]:
    """Lines in pieces of some size: a write each would be slow."""
    piece = bytearray()
    for document in said:
        piece += json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
        piece += b"\n"
        if len(piece) > _PIECE_BYTES:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece)


_PIECE_BYTES: Final = 256 * 1024
