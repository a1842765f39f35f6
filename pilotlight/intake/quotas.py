"""How much one caller may ask: requests a second, and jobs that wait.

Rates are counted in this process, so each ingress allows the whole rate; waiting jobs are counted
in the store, by all. Neither costs anything where no quota is set.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from pilotlight.errors import QueueQuotaReached, RateLimited

if TYPE_CHECKING:
    from pilotlight.ports.clock import Clock
    from pilotlight.ports.keys import KeyRecord
    from pilotlight.ports.store import JobStore
    from pilotlight.settings import QuotaSettings

FRESH_S: Final = 1.0
"""The counts of waiting jobs are added to for so long before they are taken again."""
_REST_FACTOR: Final = 20
"""After a count that took t they are for 20 t: 50,000 rows behind a network are fifty requests."""
RETRY_AFTER_S: Final = 1.0
"""When a full queue is worth another try."""
_MOST_CALLERS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Limits:
    """None: not limited, or as the settings say."""

    requests_per_s: float | None = None
    burst: int | None = None
    queued_jobs: int | None = None


def limits_of(record: KeyRecord) -> Limits | None:
    """What a key says about its caller's quotas; None when it says nothing."""
    given = (record.requests_per_s, record.burst, record.queued_jobs)
    if given == (None, None, None):
        return None
    return Limits(*given)


class Spent(NamedTuple):
    """One request against a token bucket."""

    full_at: float
    """When the bucket is full again; unchanged when the request was refused."""
    wait_s: float
    """0: taken. Else how long until there is a token."""
    left: int
    """Whole tokens that are there now."""


def spend(full_at: float, now: float, *, per_s: float, burst: int) -> Spent:
    """Take a token from a bucket of ``burst`` that ``per_s`` tokens a second flow into.

    A bucket is one number: the moment it will be full. Every token taken moves it away by what
    one token takes to flow in; a request that would move it too far must wait.
    """
    step = 1 / per_s
    after = max(full_at, now) + step
    wait_s = after - now - burst * step
    if wait_s > 1e-9:  # floats are no more exact
        return Spent(full_at, wait_s, 0)
    return Spent(after, 0.0, int(burst - (after - now) / step + 1e-6))


@dataclass(slots=True)
class Quotas:
    """The limits of each caller, and what is used of them."""

    store: JobStore
    clock: Clock
    settings: QuotaSettings
    _own: dict[str, Limits] = field(default_factory=dict)
    _full_at: dict[str, float] = field(default_factory=dict)
    _waiting: dict[str, int] = field(default_factory=dict)
    _count_at: float = float("-inf")
    _counting: threading.Lock = field(default_factory=threading.Lock)

    def learn(self, caller: str, limits: Limits | None) -> None:
        """What the key that a caller used last says. Called with every request."""
        if limits is not None:
            self._own[caller] = limits
        elif self._own:
            self._own.pop(caller, None)

    def request(self, caller: str) -> None:
        """Count one request. Raises RateLimited."""
        own = self._own.get(caller) if self._own else None
        per_s = (own and own.requests_per_s) or self.settings.requests_per_s
        if per_s is None:
            return
        burst = int((own and own.burst) or self.settings.burst)
        now = self.clock.monotonic()
        spent = spend(self._full_at.get(caller, 0.0), now, per_s=per_s, burst=burst)
        if spent.wait_s:
            raise RateLimited(
                f"more than {per_s:g} requests a second; try again in {spent.wait_s:.2g} s",
                retry_after_s=spent.wait_s,
                limit=burst,
                remaining=0,
                reset_s=self._full_at[caller] - now,
            )
        self._full_at[caller] = spent.full_at
        if len(self._full_at) > _MOST_CALLERS:
            self._full_at = {name: at for name, at in self._full_at.items() if at > now}

    def limits_jobs(self, caller: str) -> bool:
        """Whether :meth:`job` would look at the store at all."""
        return self._most_jobs(caller) is not None

    def job(self, caller: str) -> None:
        """Count one job more that will wait. Raises QueueQuotaReached."""
        most = self._most_jobs(caller)
        if most is None:
            return
        if self.clock.monotonic() > self._count_at:
            self._count()
        waiting = self._waiting.get(caller, 0)
        if waiting >= most:
            raise QueueQuotaReached(
                f"{most} of your jobs wait already, as many as may; try again later",
                retry_after_s=RETRY_AFTER_S,
                limit=most,
                remaining=0,
                reset_s=RETRY_AFTER_S,
            )
        self._waiting[caller] = waiting + 1

    def _count(self) -> None:
        """One thread at a time; the others go on with what was counted last, if anything was."""
        if not self._counting.acquire(blocking=self._count_at < 0):
            return
        try:
            began = self.clock.monotonic()
            if began > self._count_at:
                self._waiting = self.store.waiting()
                ended = self.clock.monotonic()
                self._count_at = ended + max(FRESH_S, _REST_FACTOR * (ended - began))
        finally:
            self._counting.release()

    def _most_jobs(self, caller: str) -> int | None:
        own = self._own.get(caller) if self._own else None
        if own is not None and own.queued_jobs is not None:
            return int(own.queued_jobs)
        return self.settings.queued_jobs
