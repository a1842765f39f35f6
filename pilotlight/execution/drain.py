"""How a replica leaves: what fits into the grace is finished, the rest handed back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pilotlight.execution.attempt import Stage
from pilotlight.execution.deadlines import fits

if TYPE_CHECKING:
    from collections.abc import Callable

    from pilotlight.execution.attempt import Attempt
    from pilotlight.execution.slots import Slots

_KEPT: Final = 0.2
"""Share of the grace that is kept for handing back (reliability, section 2.5)."""
_GIVE_UP_S: Final = 5
"""After a failed load the jobs in hand must be given back within this."""


class Drain:
    """Times are monotonic seconds."""

    def __init__(self, *, grace_s: float) -> None:
        self._grace_s = grace_s
        self._retired = False
        self._gave_up = False
        self._heard = 0
        self._ends_at: float | None = None
        self.reported = False
        """The roster knows."""

    @property
    def began(self) -> bool:
        """From here on nothing is leased and nothing new is run."""
        return self._retired or self._gave_up or self._ends_at is not None

    def shorten(self, grace_s: float) -> None:
        self._grace_s = min(self._grace_s, grace_s)

    def retire(self) -> None:
        """Our row says that we may go; what is in hand is finished first."""
        self._retired = self.reported = True

    def give_up(self) -> None:
        """There is no child any more and there will be none."""
        self._gave_up = True
        self._grace_s = _GIVE_UP_S

    def step(self, slots: Slots, *, asked: int, now: float) -> None:
        """``asked`` counts the calls to stop so far."""
        if self._ends_at is None and (asked or self._gave_up):
            self._ends_at = now + self._grace_s
            slots.give_notice()
        if self._ends_at is None:
            if self._retired:
                self._return(slots, lambda attempt: attempt.stage is Stage.WAITING)
            return
        late = now >= self._ends_at - _KEPT * self._grace_s
        if late or asked > 1 or self._gave_up:
            self._return(slots, lambda attempt: attempt.may_end)
        else:
            self._return(slots, lambda attempt: not self._stays(slots, attempt, now))

    def _return(self, slots: Slots, goes: Callable[[Attempt], bool]) -> None:
        for attempt in slots:
            if attempt.may_end and goes(attempt):
                slots.hand_back(attempt)

    def _stays(self, slots: Slots, attempt: Attempt, now: float) -> bool:
        """Decided anew at each step: a job is let go once it cannot make it any more."""
        if attempt.stage is Stage.STORING:
            return True
        if attempt.run_at is None or self._ends_at is None:
            return False
        if slots.may_save(attempt):
            return True  # it has heard the notice, and hands itself back at its next step
        return fits(
            elapsed_s=now - attempt.run_at,
            expected_s=slots.run_times.expected(),
            left_s=self._ends_at - now,
        )

    def next_step(self) -> float:
        """When to look again without being woken."""
        if self._ends_at is None:
            return float("inf")
        return self._ends_at - _KEPT * self._grace_s

    def finished(self, *, settled: bool, now: float) -> bool:
        """Everything is settled, or the grace is over: then leases run out by themselves."""
        if self._ends_at is None:
            return self._retired and settled
        return settled or now >= self._ends_at
