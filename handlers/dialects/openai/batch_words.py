"""A batch as OpenAI's object, and its end as OpenAI's event."""

from __future__ import annotations

from typing import Final

from handlers.dialects.openai.batch_lines import ERRORS, OUTPUT, file_id
from handlers.dialects.openai.operation import Document
from pilotlight.bootstrap.ingress import Services
from pilotlight.contracts.group import Tally
from pilotlight.contracts.job import Job, JobStatus
from pilotlight.errors import UnknownFile
from pilotlight.intake.groups.batches.ticket import Spread, Ticket, unspread

_OVER: Final = {
    JobStatus.SUCCEEDED: "completed",
    JobStatus.FAILED: "failed",
    JobStatus.CANCELLED: "cancelled",
    JobStatus.EXPIRED: "expired",
}


def described(services: Services, head: Job) -> Document:
    """A batch as OpenAI's object."""
    tally = services.members.tally(head.id) or Tally(group_id=head.id)
    ticket, spread = Ticket.of(head), Spread.read(tally.cursor)
    word = _word(head, tally, spread)
    given = ticket.given
    return {
        "id": name_of(head),
        "object": "batch",
        "endpoint": given["url"],
        "model": None,
        "errors": _errors(services, head),
        "input_file_id": given["file"],
        "completion_window": given["window"],
        "status": word,
        "output_file_id": _written(services, head, OUTPUT),
        "error_file_id": _written(services, head, ERRORS),
        "created_at": int(head.created_at),
        "in_progress_at": _whole(spread.since),
        "expires_at": int(head.start_by),
        "finalizing_at": _ended(head, JobStatus.SUCCEEDED),
        "completed_at": _ended(head, JobStatus.SUCCEEDED),
        "failed_at": _ended(head, JobStatus.FAILED),
        "expired_at": _ended(head, JobStatus.EXPIRED),
        "cancelling_at": _ended(head, JobStatus.CANCELLED),
        "cancelled_at": _ended(head, JobStatus.CANCELLED) if word == "cancelled" else None,
        "request_counts": {
            "total": spread.total,
            "completed": tally.succeeded,
            "failed": tally.ended - tally.succeeded + unspread(head, tally, spread),
        },
        "metadata": given["metadata"],
    }


def name_of(head: Job) -> str:
    return f"batch_{head.id.replace('-', '')}"


def _word(head: Job, tally: Tally, spread: Spread) -> str:
    if head.status is JobStatus.WAITING:
        if spread.since is None:
            return "validating"
        return "finalizing" if tally.is_over else "in_progress"
    if head.group_due is not None:  # its last lines are on their way out
        if head.status is JobStatus.CANCELLED:
            return "cancelling"
        if head.status is JobStatus.EXPIRED:
            return "finalizing"
    return _OVER[head.status]


def _written(services: Services, head: Job, which: str) -> str | None:
    """The file's id, once the batch is over and if it has lines."""
    if not head.status.is_terminal or head.status is JobStatus.FAILED:
        return None
    try:
        return services.files.find(file_id(head.id, which), caller=head.caller).id
    except UnknownFile:
        return None


def _errors(services: Services, head: Job) -> Document | None:
    if head.status is not JobStatus.FAILED:
        return None
    error = services.control.error(head)
    said = [
        {
            "code": one.type,
            "message": one.message,
            "param": ".".join(map(str, one.loc)) or None,
            "line": one.context.get("line"),
        }
        for one in error.problems
    ]
    alone = {"code": error.code, "message": error.message, "param": None, "line": None}
    return {"object": "list", "data": said or [alone]}


def _ended(head: Job, status: JobStatus) -> int | None:
    return _whole(head.ended_at) if head.status is status else None


def _whole(moment: float | None) -> int | None:
    return None if moment is None else int(moment)


def announce(head: Job) -> Document:
    """The webhook of a batch, in the shape of OpenAI's ``batch.completed``."""
    return {
        "id": f"evt_{head.id}",
        "object": "event",
        "type": f"batch.{_OVER[head.status]}",
        "created_at": int(head.ended_at or head.created_at),
        "data": {"id": name_of(head)},
    }
