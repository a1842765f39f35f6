"""Retry or give up: decided from values alone, performed by the replica.

Classes of error and their backoff are those of the reliability specification, section 2.5.
"""

from __future__ import annotations

import enum
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pilotlight.contracts import retries as conditions
from pilotlight.contracts.job import JobError
from pilotlight.errors import OutOfMemory, PilotlightError, Problem, ReplicaFailure, RunTimeout

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

    from pilotlight.contracts.retries import Retries

GPU_ERROR: Final = "gpu_error"
"""Code of a sticky CUDA error: the process that had it is of no more use."""


class ErrorClass(enum.Enum):
    USER = enum.auto()
    """Bad input, or an exception of the model's own code: the next attempt would end alike."""
    TIMEOUT = enum.auto()
    OOM = enum.auto()
    MODEL = enum.auto()
    """A CUDA assertion or the like: once more, in a new process."""
    INFRA = enum.auto()
    """The process or the machine failed, not the job."""
    APP = enum.auto()
    """The worker says itself that it may go better later."""


@dataclass(frozen=True, slots=True)
class Failure:
    """How an attempt failed. ``retryable`` is the error's own opinion."""

    error: JobError
    retryable: bool = False
    retry_after_s: float = 0.0
    """Another attempt is of no use before; a ``retry_after_s`` of the error's details."""

    @classmethod
    def of(cls, error: PilotlightError) -> Failure:
        after_s = error.details.get("retry_after_s")
        wait_s = float(after_s) if isinstance(after_s, int | float) else 0.0
        return cls(JobError.of(error), error.retryable, wait_s)

    @classmethod
    def from_event(
        cls, error: Mapping[str, Any], *, retryable: bool, retry_after_s: float = 0.0
    ) -> Failure:
        """Read what the child sent. Raises TypeError when it is not a JobError."""
        problems = tuple(
            Problem(**{**problem, "loc": tuple(problem["loc"])})
            for problem in error.get("problems", ())
        )
        return cls(JobError(**{**error, "problems": problems}), retryable, retry_after_s)


@dataclass(frozen=True, slots=True)
class Retry:
    """Again, not before ``delay_s``; with ``low_memory`` it should offload and slice."""

    delay_s: float
    low_memory: bool = False


@dataclass(frozen=True, slots=True)
class GiveUp:
    """``reason`` is one of a few stable words, for the log."""

    reason: str


@dataclass(frozen=True, slots=True)
class _Backoff:
    base_s: float
    cap_s: float
    again: int | None = None
    """Retries this class of error gets at most; None leaves it to ``max_attempts``."""


_BACKOFF: Final = {
    ErrorClass.INFRA: _Backoff(1, 60),
    ErrorClass.APP: _Backoff(10, 15 * 60),
    ErrorClass.OOM: _Backoff(1, 60),
    ErrorClass.MODEL: _Backoff(1, 60, again=1),
}
_LONGEST_AFTER_S: Final = 3600
"""A Retry-After that asks for more is heard only so far."""
_ON_REQUEST: Final = {**_BACKOFF, ErrorClass.TIMEOUT: _Backoff(1, 60)}
"""A timeout is tried again only where somebody asked for it."""
_CONDITION: Final = {
    ErrorClass.TIMEOUT: conditions.TIMEOUT,
    ErrorClass.OOM: conditions.SERVER_ERROR,
    ErrorClass.MODEL: conditions.SERVER_ERROR,
    ErrorClass.APP: conditions.SERVER_ERROR,
    ErrorClass.INFRA: conditions.CONNECTION_ERROR,
}


def classify(failure: Failure) -> ErrorClass:
    code = failure.error.code
    if code == RunTimeout.code:
        return ErrorClass.TIMEOUT
    if code == OutOfMemory.code:
        return ErrorClass.OOM
    if code == GPU_ERROR:
        return ErrorClass.MODEL
    if code == ReplicaFailure.code:
        return ErrorClass.INFRA
    return ErrorClass.APP if failure.retryable else ErrorClass.USER


def decide(
    failure: Failure,
    *,
    attempt: int,
    max_attempts: int,
    rng: random.Random,
    low_memory: bool = False,
    retries: Retries | None = None,
) -> Retry | GiveUp:
    """``attempt`` counts from 1; ``low_memory`` says that it already ran with the flag.

    The delay has full jitter: uniform from 0 to base x 2^(attempt-1), capped. What ``retries``
    names for this condition replaces the class's own limits; ``max_attempts`` holds always.
    """
    kind = classify(failure)
    asked = retries.of(_CONDITION[kind]) if retries and kind in _CONDITION else None
    backoff = (_BACKOFF if asked is None else _ON_REQUEST).get(kind)
    if backoff is None:
        return GiveUp(kind.name.lower())
    if attempt >= max_attempts:
        return GiveUp("attempts_used_up")
    if asked is None:
        reason = _own_limit(kind, attempt, low_memory=low_memory, retries=retries)
    else:
        reason = "retries_used_up" if attempt > asked else None
    if reason is not None:
        return GiveUp(reason)
    longest = min(backoff.cap_s, backoff.base_s * 2.0 ** (attempt - 1))
    wait_s = max(rng.uniform(0, longest), min(failure.retry_after_s, _LONGEST_AFTER_S))
    return Retry(wait_s, low_memory=kind is ErrorClass.OOM)


def _own_limit(
    kind: ErrorClass, attempt: int, *, low_memory: bool, retries: Retries | None
) -> str | None:
    """Why a failure nobody asked about is not tried again, if it is not."""
    if retries is not None and attempt > retries.otherwise:
        return "attempts_used_up"
    if kind is ErrorClass.OOM and low_memory:
        return "out_of_memory_again"
    again = _BACKOFF[kind].again
    return "again" if again is not None and attempt > again else None


@dataclass(slots=True)
class RetryBudget:
    """Retries stay below a tenth of the first attempts in five minutes, plus ten a minute.

    A storm of failures then waits instead of doubling the load. Times are seconds of one clock.
    """

    window_s: float = 300
    share: float = 0.1
    floor_per_minute: float = 10
    _first: deque[float] = field(default_factory=deque)
    _retries: deque[float] = field(default_factory=deque)

    def started(self, now: float) -> None:
        """A first attempt began."""
        self._first.append(now)
        self._forget(now)

    def spend(self, now: float) -> bool:
        """Take one retry out of the budget; False when there is none left."""
        self._forget(now)
        allowed = self.share * len(self._first) + self.floor_per_minute * self.window_s / 60
        if len(self._retries) >= allowed:
            return False
        self._retries.append(now)
        return True

    def _forget(self, now: float) -> None:
        for times in (self._first, self._retries):
            while times and times[0] <= now - self.window_s:
                times.popleft()
