"""The job: the one durable record the whole system agrees on.

The row is the truth; a queue message only points at it. Times are seconds since the epoch, UTC.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pilotlight.errors import PilotlightError, Problem


class JobStatus(enum.StrEnum):
    ACCEPTED = "accepted"
    QUEUED = "queued"
    RUNNING = "running"
    STORING = "storing"
    RETRYING = "retrying"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def is_terminal(self) -> bool:
        return self in TERMINAL


TERMINAL = frozenset(
    {JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.EXPIRED}
)
READY = frozenset({JobStatus.ACCEPTED, JobStatus.QUEUED, JobStatus.RETRYING})
"""A replica may lease a job that has one of these."""
HELD = frozenset({JobStatus.RUNNING, JobStatus.STORING})
"""A replica owns the job."""

NO_TEXT = ""
"""In place of an output that was there and is not kept any more."""
NORMAL_PRIORITY = 0
LOW_PRIORITY = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One row. Only :mod:`pilotlight.contracts.lifecycle` says how it may change."""

    id: str
    caller: str
    """Owner of the key that sent it; every read is conditional on it."""
    endpoint: str
    worker: str
    origin: str
    """Dialect or event source that accepted it; it decides the shape of the webhook."""
    input: str
    """Validated JSON text; media fields hold ``blob:KEY``."""
    options: str = "{}"
    """JSON text the origin wants back when the job is read: it is never looked at by the core."""
    tags: str | None = None
    """JSON text of the caller's own words for it: :mod:`pilotlight.contracts.tags`."""
    trace: str | None = None
    """Trace id that its request brought; see :mod:`pilotlight.observability.trace`."""
    created_at: float

    status: JobStatus = JobStatus.ACCEPTED
    priority: int = NORMAL_PRIORITY
    streaming: bool = False
    """Somebody follows partial outputs live."""

    fence: int = 0
    """Rises with every lease, reap, hand-back, retry and cancel; a stale holder is refused by it."""
    attempts: int = 0
    """Attempts that were the model's own: lost leases and hand-backs are given back."""
    max_attempts: int = 4
    losses: int = 0
    """Leases lost (killed replica, dead host) since ``losses_since``."""
    losses_since: float | None = None
    max_losses: int = 3
    """The loss that reaches this number fails the job as poison."""
    retries: str | None = None
    """JSON text of :class:`pilotlight.contracts.retries.Retries`; None where nobody asked."""

    owner: str | None = None
    """Replica that holds the lease."""
    lease_until: float | None = None
    due_at: float | None = None
    """When upkeep has to look at this row next; None once terminal."""
    not_before: float = 0.0
    start_by: float
    """Deadline to start: past it a job that waits expires."""
    run_timeout_s: float
    """Longest an attempt may run."""
    run_by: float | None = None
    """Deadline of the running attempt: started_at + run_timeout_s."""
    started_at: float | None = None
    ended_at: float | None = None

    artifact_ttl_s: float | None = None
    """How long its files are kept; None as long as the row."""
    keep_s: float = 30 * 24 * 3600.0
    """How long the row is remembered after its end."""
    forget_at: float | None = None

    progress: float = 0.0
    output: str | None = None
    """JSON text; files in it are ``artifact:N``, N an index into ``artifacts``."""
    artifacts: str = "[]"
    """JSON text: a list of :class:`pilotlight.contracts.artifact.Artifact`."""
    error: str | None = None
    """JSON text of a :class:`JobError`: the final one, or the last attempt's."""

    webhook: str | None = None
    webhook_due: float | None = None
    webhook_tries: int = 0
    webhook_fence: int = 0
    webhook_state: str | None = None
    """None, ``delivered``, ``given_up`` or ``disabled``."""

    group_id: str | None = None
    """The job that stands for the group it belongs to; that job names itself here."""
    member: str | None = None
    """Its key within the group; None for the job that stands for the group."""
    group_due: float | None = None
    """When the steward of groups has to look at this row: a member that has ended and is not
    counted yet, or a group that is not done."""

    note: str | None = None
    """What an attempt wants later ones to know, in its worker's own words (T20)."""

    idempotency_key: str | None = None
    body_sha256: str | None = None
    version: int = 1


@dataclass(frozen=True, slots=True)
class JobError:
    """Why a job did not succeed, as it is kept in the row (JSON text) and shown to the caller."""

    code: str
    message: str
    http_status: int = 500
    problems: tuple[Problem, ...] = ()

    @classmethod
    def of(cls, error: PilotlightError) -> JobError:
        problems = getattr(error, "problems", ())
        return cls(error.code, str(error), error.http_status, tuple(problems))


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One line of a job's history: appended when a lease ends, never changed."""

    job_id: str
    fence: int
    """The fence the attempt ran under."""
    owner: str | None
    started_at: float | None
    ended_at: float
    outcome: str
    """Name of the transition that ended it, such as ``T6``."""
    error: str | None = None
