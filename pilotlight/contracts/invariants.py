"""What no row may ever show, whatever happened to it: the invariants of reliability section 2.7.

Written from the specification, not from the lifecycle's table, so that a mistake there is seen
here. One row and its history at a time; what lies outside of them (files, replicas, other rows)
is looked at by who has them at hand.
"""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Final, NamedTuple

from pydantic import ValidationError

from pilotlight.contracts.artifact import ARTIFACTS
from pilotlight.contracts.job import HELD, READY, AttemptRecord, Job, JobStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Rule = Callable[[Job, Sequence[AttemptRecord]], Iterator[str]]

OVERDUE_S: Final = 60.0
"""Longest that anything due may wait while upkeep and dispatcher run."""
GROUP_OVERDUE_S: Final = 180.0
"""A group is looked at each minute where that costs requests, and so are its ended members."""
LEASE_OVER_S: Final = 120.0
"""Longest that a lease may be over before it is taken back."""
_ENDS: Final = frozenset({"T6", "T8", "T11", "T12", "T14"})
"""Outcomes of an attempt after which there is no other."""
_ENDED_AS: Final = {
    JobStatus.SUCCEEDED: {"T6"},
    JobStatus.FAILED: {"T8", "T11", "T14"},
    JobStatus.CANCELLED: {"T12"},
}


class Breach(NamedTuple):
    rule: str
    """I1 to I9, and I11 for groups."""
    job_id: str
    what: str


def breaches(job: Job, attempts: Sequence[AttemptRecord]) -> list[Breach]:
    """What is wrong with the row as it stands, at whatever moment."""
    return [Breach(name, job.id, what) for name, rule in _RULES for what in rule(job, attempts)]


def overdue(job: Job, *, now: float) -> list[Breach]:
    """What should have happened to the row by now, if everything runs."""
    return [Breach(rule, job.id, what) for rule, what in _late(job, now)]


def _late(job: Job, now: float) -> Iterator[tuple[str, str]]:
    if job.due_at is not None and job.due_at + OVERDUE_S < now:
        yield "I1", f"upkeep should have looked at it {now - job.due_at:.0f} s ago"
    if job.group_due is not None and job.group_due + GROUP_OVERDUE_S < now:
        yield "I11", f"its group should have been looked at {now - job.group_due:.0f} s ago"
    if job.webhook_due is not None and job.webhook_due + OVERDUE_S < now:
        yield "I4", f"its webhook should have been posted {now - job.webhook_due:.0f} s ago"
    if job.lease_until is not None and job.lease_until + LEASE_OVER_S < now:
        yield "I5", f"its lease has been over for {now - job.lease_until:.0f} s"


def _watched(job: Job, _attempts: Sequence[AttemptRecord]) -> Iterator[str]:
    over = job.status.is_terminal
    if over and job.due_at is not None:
        yield "it is over and still due"
    if not over and job.due_at is None:
        yield "it is not over and nobody will look at it again"
    if over and (job.ended_at is None or job.forget_at is None):
        yield "it is over without an end"
    if not over and (job.ended_at is not None or job.forget_at is not None):
        yield "it is not over and has an end"


def _ended_once(job: Job, attempts: Sequence[AttemptRecord]) -> Iterator[str]:
    ends = [record.outcome for record in attempts if record.outcome in _ENDS]
    if len(ends) > 1:
        yield f"it ended more than once: {', '.join(ends)}"
    if ends and attempts[-1].outcome not in _ENDS:
        yield "an attempt ended after its end"
    if ends and ends[-1] not in _ENDED_AS.get(job.status, ()):
        yield f"its last attempt ended by {ends[-1]}, and it is {job.status}"


def _result(job: Job, _attempts: Sequence[AttemptRecord]) -> Iterator[str]:
    succeeded = job.status is JobStatus.SUCCEEDED
    if succeeded != (job.output is not None):
        yield "it has an output and no success" if job.output else "it succeeded without an output"
    if job.status.is_terminal and not succeeded and job.error is None:
        yield "it did not succeed and does not say why"
    for name in ("input", "output", "options", "error", "artifacts", "retries"):
        if not _is_json(getattr(job, name)):
            yield f"its {name} is not JSON"
    try:
        ARTIFACTS.validate_json(job.artifacts)
    except ValidationError:
        yield "its list of files cannot be read"


def _announced(job: Job, _attempts: Sequence[AttemptRecord]) -> Iterator[str]:
    told = job.webhook_due is not None or job.webhook_state is not None
    if told and job.webhook is None:
        yield "a webhook is due or settled, and it has none"
    if told and not job.status.is_terminal:
        yield "it is announced and not over"
    if job.webhook is not None and job.status.is_terminal and not told:
        yield "it is over and nobody will post its webhook"


def _held(job: Job, _attempts: Sequence[AttemptRecord]) -> Iterator[str]:
    held = job.status in HELD
    if held and (job.lease_until is None or job.owner is None):
        yield f"it is {job.status} and nobody holds it"
    if not held and job.lease_until is not None:
        yield f"it is {job.status} and has a lease"
    if job.status in READY and job.owner is not None:
        yield f"it is {job.status} and has an owner"


def _counted(job: Job, _attempts: Sequence[AttemptRecord]) -> Iterator[str]:
    if not 0 <= job.attempts <= job.max_attempts:
        yield f"{job.attempts} attempts of {job.max_attempts}"
    if not 0 <= job.losses <= job.max_losses:
        yield f"{job.losses} lost leases of {job.max_losses}"
    if job.losses >= job.max_losses and not job.status.is_terminal:
        yield "it lost as many leases as it may and goes on"


def _grouped(job: Job, _attempts: Sequence[AttemptRecord]) -> Iterator[str]:
    head, over = job.group_id == job.id, job.status.is_terminal
    if (job.group_id is None) != (job.member is None and not head):
        yield f"its group is {job.group_id} and its place in it {job.member}"
    if job.group_due is not None and job.group_id is None:
        yield "it has a mark for a group and is in none"
    if job.group_due is not None and not head and not over:
        yield "it is marked as over for its group, and is not"
    if head and not over and job.group_due is None:
        yield "it stands for a group that nobody looks after"
    if head and job.attempts:
        yield "it stands for a group, and was run"


def _fenced(job: Job, attempts: Sequence[AttemptRecord]) -> Iterator[str]:
    fences = [record.fence for record in attempts]
    if any(later <= earlier for earlier, later in itertools.pairwise(fences)):
        yield f"the fences of its attempts do not rise: {fences}"
    if fences and fences[-1] > job.fence:
        yield f"an attempt ran under fence {fences[-1]}, the row has {job.fence}"


def _is_json(text: str | None) -> bool:
    try:
        json.loads(text or "null")
    except ValueError:
        return False
    return True


_RULES: Final[tuple[tuple[str, Rule], ...]] = (
    ("I1", _watched),
    ("I2", _ended_once),
    ("I3", _result),
    ("I4", _announced),
    ("I5", _held),
    ("I8", _counted),
    ("I9", _fenced),
    ("I11", _grouped),
)
