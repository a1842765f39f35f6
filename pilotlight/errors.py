"""Every error the framework raises on purpose.

PilotlightError
├── InvalidInput            the caller sent something the endpoint cannot accept; names the fields
│   ├── MalformedBody       the body is not JSON at all
│   └── IdempotencyMismatch the key was used before, with another body
├── BodyTooLarge            more bytes than the ingress takes
├── Unauthenticated         no key, or a key nobody knows
├── Unauthorised            a known key that may not do this
├── NotFound
│   ├── UnknownEndpoint     no worker serves this id
│   │   └── UnroutedEndpoint its contract is known; a route would serve it
│   ├── UnknownJob          no job by that id for this caller
│   └── UnknownFile         no such file, or its grant is over
├── NotFinished             the result was asked for too early
├── AlreadyFinished         too late to cancel
├── BacklogFull             try again later
│   └── QueueQuotaReached   as many of the caller's own jobs wait as may
├── RateLimited             more requests a second than the caller may
├── Unavailable             the store or the queue cannot be reached just now
├── IllegalTransition       the lifecycle forbids this move
├── FetchFailed             an outbound request was refused or failed (six codes, no more is told)
├── SettingsError           the owner's settings cannot work
│   └── NoWorkerFiles       a package of worker files is not where this runs
└── WorkerError             raised by worker code, or about it
    ├── OutOfMemory         retried once, with ``context.low_memory`` set
    ├── WeightsMissing      the model cannot be loaded here
    ├── ReplicaFailure      the child process died or hung
    ├── RunTimeout          the attempt outran ``timeout_s``
    └── Cancelled           the job was cancelled while it ran
        └── HandedBack      its replica leaves; another goes on with it
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with one field: what pydantic and fal both call a ``detail`` item."""

    loc: tuple[str | int, ...]
    """Path from ``"body"`` to the field."""
    message: str
    type: str
    """A stable word for programs, such as ``missing`` or ``file_download_error``."""
    context: dict[str, object] = field(default_factory=dict)
    """Numbers behind the type, such as ``{"max_size": 1000}``."""
    given: object = None


class PilotlightError(Exception):
    """Base of the tree; catch this, never bare ``Exception``."""

    code: ClassVar[str] = "internal_error"
    http_status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, **details: object) -> None:
        super().__init__(message)
        self.details = details


class InvalidInput(PilotlightError):
    code = "invalid_input"
    http_status = 422

    def __init__(self, message: str, *problems: Problem, **details: object) -> None:
        super().__init__(message, **details)
        self.problems = problems


class MalformedBody(InvalidInput):
    code = "json_invalid"


class IdempotencyMismatch(InvalidInput):
    code = "idempotency_mismatch"


class BodyTooLarge(PilotlightError):
    code = "body_too_large"
    http_status = 413


class Unauthenticated(PilotlightError):
    code = "unauthenticated"
    http_status = 401


class Unauthorised(PilotlightError):
    code = "unauthorised"
    http_status = 403


class NotFound(PilotlightError):
    code = "not_found"
    http_status = 404


class UnknownEndpoint(NotFound):
    code = "unknown_endpoint"


class UnroutedEndpoint(UnknownEndpoint):
    code = "unrouted_endpoint"


class UnknownJob(NotFound):
    code = "unknown_job"


class UnknownFile(NotFound):
    code = "unknown_file"


class NotFinished(PilotlightError):
    code = "not_finished"
    http_status = 400


class AlreadyFinished(PilotlightError):
    """Too late to cancel; ``details["status"]`` is the status that won."""

    code = "already_finished"
    http_status = 400


class BacklogFull(PilotlightError):
    """Admission refused the job; the caller may come back later."""

    code = "backlog_full"
    http_status = 429
    retryable = True


class QueueQuotaReached(BacklogFull):
    code = "queue_quota_reached"


class RateLimited(PilotlightError):
    """``details``: ``retry_after_s``, ``limit``, ``remaining``, ``reset_s``."""

    code = "rate_limited"
    http_status = 429
    retryable = True


class Unavailable(PilotlightError):
    """An adapter raises it for its vendor's passing troubles; nothing was lost."""

    code = "unavailable"
    http_status = 503
    retryable = True


class IllegalTransition(PilotlightError):
    code = "illegal_transition"
    http_status = 409


class FetchFailed(PilotlightError):
    """``reason`` is one of six words, so that a caller cannot map our network with us."""

    code = "file_download_error"
    http_status = 422

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message, reason=reason)
        self.reason = reason


class SettingsError(PilotlightError):
    code = "settings_error"


class NoWorkerFiles(SettingsError):
    pass


class WorkerError(PilotlightError):
    code = "worker_error"


class OutOfMemory(WorkerError):
    code = "out_of_memory"
    retryable = True


class WeightsMissing(WorkerError):
    code = "weights_missing"


class ReplicaFailure(WorkerError):
    code = "replica_failure"
    http_status = 503
    retryable = True


class RunTimeout(WorkerError):
    code = "run_timeout"
    http_status = 504


class Cancelled(WorkerError):
    code = "cancelled"
    http_status = 499


class HandedBack(Cancelled):
    """An attempt stopped because its replica leaves; another goes on with the job."""

    code = "handed_back"
