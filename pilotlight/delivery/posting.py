"""One posting of a webhook under way, and what is made of its end."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pilotlight.contracts import moves
from pilotlight.delivery.schedule import Delivered, Disable, GiveUp, Outcome, Result, RetryAt
from pilotlight.errors import FetchFailed
from pilotlight.observability import logs

if TYPE_CHECKING:
    from concurrent.futures import Future

    from pilotlight.contracts.job import Job
    from pilotlight.contracts.lifecycle import Move
    from pilotlight.ports.http import Reply


@dataclass(frozen=True, slots=True)
class Posting:
    job: Job
    """The row as leased."""
    url: str
    host: str
    began: float
    """Monotonic seconds."""


def result_of(posting: Posting, future: Future[Reply]) -> Result:
    try:
        reply = future.result()
    except FetchFailed as error:
        return Result(reason=error.reason)
    except Exception:  # noqa: BLE001 - a posting that broke in any way counts as a failed one
        logs.failure("webhook.post_failed", job_id=posting.job.id)
        return Result(reason="internal")
    return Result(status=reply.status, headers=reply.headers)


def settling_move(job: Job, outcome: Outcome) -> Move:
    match outcome:
        case Delivered():
            return moves.settle_webhook(job, due_at=None, state="delivered")
        case RetryAt(moment):
            return moves.settle_webhook(job, due_at=moment, state=None)
        case GiveUp():
            return moves.settle_webhook(job, due_at=None, state="given_up")
        case Disable():
            return moves.settle_webhook(job, due_at=None, state="disabled")


_EVENTS: Final[dict[type[Outcome], str]] = {
    Delivered: "webhook.delivered",
    RetryAt: "webhook.failed",
    GiveUp: "webhook.given_up",
    Disable: "webhook.disabled",
}


def report(posting: Posting, result: Result, outcome: Outcome) -> None:
    """The host only: the rest of a webhook's URL may hold a secret."""
    logs.event(
        _EVENTS[type(outcome)],
        level=logging.INFO if isinstance(outcome, Delivered) else logging.WARNING,
        job_id=posting.job.id,
        host=posting.host,
        tries=posting.job.webhook_tries,
        answer=result.status or result.reason,
    )
