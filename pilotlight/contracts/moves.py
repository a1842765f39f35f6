"""The moves by name: each builds the arguments that one transition needs.

Callers say what happened (``lease``, ``retry``, ``reap`` ...); this module turns it into a
:class:`~pilotlight.contracts.lifecycle.Move`. A terminal move carries the webhook's intent, so
that the announcement can never be lost between two writes.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from pilotlight.contracts import lifecycle
from pilotlight.contracts.job import Job, JobError
from pilotlight.contracts.lifecycle import Move

if TYPE_CHECKING:
    from pilotlight.contracts.lifecycle import Transition

LOSS_WINDOW_S: Final = 72 * 3600
"""Losses are counted within 72 hours: Sidekiq Pro's rule for poison."""


def error_text(error: JobError) -> str:
    return json.dumps(asdict(error), separators=(",", ":"), default=str)


def _ended(transition: Transition, job: Job, now: float, **args: lifecycle.Value) -> Move:
    due = now if job.webhook else None
    heard = None if job.group_id is None else now
    ended = {"now": now, "webhook_due": due, "group_due": heard, "fence": job.fence}
    return Move(transition, {**ended, **args})


def queued(job: Job, *, due_at: float) -> Move:
    """T2: a message points at the row. Also the resend of one that seems to be lost."""
    return Move(lifecycle.T2, {"fence": job.fence, "due_at": due_at})


def lease(*, owner: str, now: float, lease_s: float, margin_s: float) -> Move:
    """T3: the only way into ``running``."""
    until = now + lease_s
    return Move(
        lifecycle.T3,
        {"owner": owner, "now": now, "lease_until": until, "due_at": until + margin_s},
    )


def _held(transition: Transition, job: Job, *, now: float, lease_s: float, margin_s: float) -> Move:
    until = now + lease_s
    return Move(
        transition,
        {
            "fence": job.fence,
            "lease_until": until,
            "due_at": until + margin_s,
            "progress": job.progress,
        },
    )


def beat(
    job: Job, *, now: float, lease_s: float, margin_s: float, progress: float | None = None
) -> Move:
    """T4: keep the lease; a refusal means that it is lost, cancelled or over."""
    move = _held(lifecycle.T4, job, now=now, lease_s=lease_s, margin_s=margin_s)
    if progress is None:
        return move
    return Move(move.transition, {**move.args, "progress": progress})


def note(job: Job, *, text: str | None) -> Move:
    """T20: for later attempts of this job; a refusal means that the lease is lost."""
    return Move(lifecycle.T20, {"fence": job.fence, "note": text})


def storing(job: Job, *, now: float, lease_s: float, margin_s: float) -> Move:
    """T5: the model is done, its files are on their way."""
    return _held(lifecycle.T5, job, now=now, lease_s=lease_s, margin_s=margin_s)


def succeed(job: Job, *, now: float, output: str, artifacts: str = "[]") -> Move:
    """T6."""
    return _ended(lifecycle.T6, job, now, output=output, artifacts=artifacts)


def retry(job: Job, *, not_before: float, error: JobError) -> Move:
    """T7: another attempt, not before the backoff is over."""
    return Move(
        lifecycle.T7,
        {
            "fence": job.fence,
            "not_before": not_before,
            "due_at": not_before,
            "error": error_text(error),
        },
    )


def fail(job: Job, *, now: float, error: JobError) -> Move:
    """T8."""
    return _ended(lifecycle.T8, job, now, error=error_text(error))


def hand_back(job: Job, *, now: float) -> Move:
    """T9: the replica drains; the attempt is not spent."""
    return Move(lifecycle.T9, {"fence": job.fence, "due_at": now})


def lost(job: Job, *, now: float) -> Move:
    """T10, or T11 when this loss is the one too many."""
    fresh = job.losses_since is None or now - job.losses_since > LOSS_WINDOW_S
    losses = 1 if fresh else job.losses + 1
    poison = losses >= job.max_losses
    error = JobError(
        "lease_lost_too_often" if poison else "lease_lost",
        f"the replica that ran this job died or stopped answering ({losses} of {job.max_losses})",
        503,
    )
    args: dict[str, lifecycle.Value] = {
        "seen_lease": job.lease_until,
        "losses": losses,
        "losses_since": now if fresh else job.losses_since,
        "error": error_text(error),
        "due_at": now,
    }
    return _ended(lifecycle.T11 if poison else lifecycle.T10, job, now, **args)


_BY_CALLER: Final = JobError("cancelled", "the caller cancelled this job", 499)


def cancel(job: Job, *, now: float, why: JobError = _BY_CALLER) -> Move:
    """T12: one conditional write; afterwards the job can never become ``succeeded``."""
    return _ended(lifecycle.T12, job, now, error=error_text(why))


def expire(job: Job, *, now: float) -> Move:
    """T13: nobody started it in time."""
    waited = round(job.start_by - job.created_at, 1)
    error = JobError("start_timeout", f"not started within {waited} s", 504)
    return _ended(lifecycle.T13, job, now, error=error_text(error))


def time_out(job: Job, *, now: float) -> Move:
    """T14: the attempt outran its run timeout."""
    error = JobError(
        "run_timeout", f"still running after {job.run_timeout_s:g} s, its worker's timeout_s", 504
    )
    return _ended(lifecycle.T14, job, now, error=error_text(error))


def give_up(job: Job, *, now: float, error: JobError) -> Move:
    """T17: it waits, but no attempt is left to it."""
    return _ended(lifecycle.T17, job, now, error=error_text(error))


def release(*, now: float, text: str, start_by: float, due_at: float) -> Move:
    """T15: what the job waited for is there; ``text`` is its input. However many ask, one does."""
    terms = {"start_by": start_by, "due_at": due_at}
    return Move(lifecycle.T15, {"now": now, "input": text, **terms})


def heard(job: Job, *, again_at: float | None = None) -> Move:
    """T21: the group knows of it; look at the row again then. ``job`` is the row as seen."""
    return Move(lifecycle.T21, {"seen_due": job.group_due, "group_due": again_at})


def complete(job: Job, *, now: float, output: str, artifacts: str = "[]") -> Move:
    """T18: a group's members are over, and this is what came of them; or a node need not run."""
    return _ended(lifecycle.T18, job, now, output=output, artifacts=artifacts)


def refuse(job: Job, *, now: float, error: JobError) -> Move:
    """T19: its input cannot be made, or the group failed."""
    return _ended(lifecycle.T19, job, now, error=error_text(error))


def lease_webhook(job: Job, *, now: float, lease_s: float) -> Move:
    """T16: this dispatcher posts it now; another may after ``lease_s``."""
    return Move(
        lifecycle.T16_LEASE,
        {"now": now, "webhook_fence": job.webhook_fence, "webhook_due": now + lease_s},
    )


def settle_webhook(job: Job, *, due_at: float | None, state: str | None) -> Move:
    """T16: delivered, given up, or due again at ``due_at``. ``job`` is the row as leased."""
    return Move(
        lifecycle.T16_SETTLE,
        {"webhook_fence": job.webhook_fence, "webhook_due": due_at, "webhook_state": state},
    )


def hasten_webhook(webhook_fence: int, *, now: float) -> Move:
    """T16: a row that was put off under this fence, and that nobody has posted since, is due."""
    return Move(
        lifecycle.T16_SETTLE,
        {"webhook_fence": webhook_fence, "webhook_due": now, "webhook_state": None},
    )


def replay_webhook(*, now: float) -> Move:
    """T16: an operator wants it sent again, from the start of the schedule."""
    return Move(lifecycle.T16_REPLAY, {"now": now, "webhook_tries": 0})
