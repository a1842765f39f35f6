"""How often a new job may be tried: what the caller asked, the worker says, the deployment allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pilotlight.contracts.retries import CONNECTION_ERROR, agreed

if TYPE_CHECKING:
    from pilotlight.contracts.worker import WorkerSpec
    from pilotlight.intake.submission import Submission
    from pilotlight.settings import JobSettings


class Terms(NamedTuple):
    """As they go into the row."""

    max_attempts: int
    max_losses: int
    retries: str | None = None


def terms(submission: Submission, spec: WorkerSpec, settings: JobSettings) -> Terms:
    """``may_retry`` wins, then the caller's words, then the worker's, then the settings."""
    if not submission.may_retry:
        return Terms(1, 1)
    if not submission.retries and not spec.retries:
        return Terms(settings.max_attempts, settings.max_losses)
    own = {str(condition): extra for condition, extra in spec.retries.items()}
    retries = agreed(submission.retries, own, otherwise=settings.max_attempts - 1)
    if retries is None:
        return Terms(settings.max_attempts, settings.max_losses)
    lost = retries.of(CONNECTION_ERROR)
    max_losses = settings.max_losses if lost is None else lost + 1
    return Terms(retries.most + 1, max_losses, retries.text())
