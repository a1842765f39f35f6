"""Jobs as members of a group: made like any other job, but for their id and their place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pilotlight.contracts.group import NO_WORKER, member_id
from pilotlight.contracts.job import Job, JobError, JobStatus
from pilotlight.contracts.moves import error_text

if TYPE_CHECKING:
    from pilotlight.errors import PilotlightError
    from pilotlight.intake.submission import Submission
    from pilotlight.intake.submit import Submit


@dataclass(frozen=True, slots=True)
class Members:
    """A member's id follows from its group and key, so that nobody can add it a second time."""

    submit: Submit

    def ready(self, head: Job, key: str, submission: Submission) -> Job:
        """One whose input is there. Blocks on the network where that names files.

        Raises UnknownEndpoint, InvalidInput.
        """
        return self._of(head, key, self.submit.row(submission))

    def waiting(self, head: Job, key: str, submission: Submission) -> Job:
        """One whose input is not there yet: it waits, as long as its group may, for T15."""
        job = self._of(head, key, self.submit.row(submission, text="{}"))
        until = head.start_by
        return replace(job, status=JobStatus.WAITING, start_by=until, due_at=until)

    def refused(self, head: Job, key: str, submission: Submission, error: PilotlightError) -> Job:
        """One that cannot be run at all: born failed, counted like any other."""
        now = self.submit.clock.now()
        return Job(
            id=member_id(head.id, key),
            caller=head.caller,
            endpoint=submission.endpoint,
            worker=NO_WORKER,
            origin=submission.origin,
            input="{}",
            created_at=now,
            status=JobStatus.FAILED,
            priority=head.priority,
            start_by=now,
            run_timeout_s=1,
            ended_at=now,
            keep_s=head.keep_s,
            forget_at=now + self._keep_s(head),
            error=error_text(JobError.of(error)),
            group_id=head.id,
            member=key,
            group_due=now,
        )

    def _of(self, head: Job, key: str, job: Job) -> Job:
        return replace(
            job,
            id=member_id(head.id, key),
            group_id=head.id,
            member=key,
            priority=head.priority,
            keep_s=self._keep_s(head),
        )

    def _keep_s(self, head: Job) -> float:
        """It is remembered until its group is, whichever of them ends first."""
        return head.keep_s + max(0.0, head.start_by - self.submit.clock.now())
