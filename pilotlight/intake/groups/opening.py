"""Open a group: the job that stands for it, which waits until its members are over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pilotlight.contracts.group import NO_WORKER
from pilotlight.contracts.job import NORMAL_PRIORITY, Job, JobStatus
from pilotlight.errors import IdempotencyMismatch, Problem
from pilotlight.intake.ids import new_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from pilotlight.ports.clock import Clock
    from pilotlight.ports.groups import GroupStore
    from pilotlight.ports.store import JobStore
    from pilotlight.settings import JobSettings

PREFIX: Final = "group/"
"""A head's ``endpoint`` is this and its kind: no caller can submit to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A wish for a group, in our words."""

    caller: str
    kind: str
    """Which of the steward's kinds looks after it."""
    origin: str
    """Name of the dialect or source; its ``announce`` renders the webhook."""
    text: str
    """JSON: all that the kind needs to make the members."""
    options: str = "{}"
    """JSON that the origin wants back when the group is read."""
    priority: int = NORMAL_PRIORITY
    webhook: str | None = None
    expires_s: float | None = None
    """What is not over by then is expired with all its members; None takes the longest."""
    keep_s: float | None = None
    """How long it is remembered after its end; None takes the default."""
    idempotency_key: str | None = None
    body_sha256: str | None = None
    """Of what the caller sent: the same key with another body is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """Blocks on the store. ``kick`` tells the steward that there is something to do."""

    store: JobStore
    groups: GroupStore
    clock: Clock
    settings: JobSettings
    kick: Callable[[], None]

    def open(self, opening: Opening) -> Job:
        """The group's head, once it cannot be lost. Raises IdempotencyMismatch, Unavailable."""
        head = self._head(opening)
        created = self.groups.open(head)
        if created.existed and created.job.body_sha256 != opening.body_sha256:
            raise _mismatch()
        if not created.existed:
            self.store.harden()
            self.kick()
        return created.job

    def _head(self, opening: Opening) -> Job:
        now, longest_s = self.clock.now(), self.settings.max_start_timeout_s
        group_id = new_id(now)
        expires_s = min(opening.expires_s or longest_s, longest_s)
        return Job(
            id=group_id,
            caller=opening.caller,
            endpoint=PREFIX + opening.kind,
            worker=NO_WORKER,
            origin=opening.origin,
            input=opening.text,
            options=opening.options,
            created_at=now,
            status=JobStatus.WAITING,
            priority=opening.priority,
            max_attempts=1,
            due_at=now + expires_s,
            start_by=now + expires_s,
            run_timeout_s=expires_s,
            keep_s=self.settings.retention_s if opening.keep_s is None else opening.keep_s,
            webhook=opening.webhook,
            group_id=group_id,
            group_due=now,
            idempotency_key=opening.idempotency_key,
            body_sha256=opening.body_sha256,
        )


def _mismatch() -> IdempotencyMismatch:
    problem = Problem(
        ("header", "idempotency-key"),
        "this key was used before with another body; use a new key for a new one",
        "idempotency_mismatch",
    )
    return IdempotencyMismatch(problem.message, problem)
