"""What replicas cost, and for whom: from every attempt that ended, back to the replicas they ran on.

A replica is paid for from when it was asked for until it left, not only while it ran. What nobody
wrote down is estimated: its cold start is the worker's usual one, and after its last job it stays
for its keep-alive. Both, and the idle time between jobs, are shared by those it worked for, each
as much as it worked.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One attempt that is over. Times are seconds since the epoch."""

    worker: str
    replica: str
    caller: str
    began: float
    ended: float


class Habits(NamedTuple):
    """Of one worker, in seconds: what of a replica's life no attempt tells."""

    cold_s: float
    keep_alive_s: float


@dataclass(slots=True)
class Charge:
    """One caller's part of one worker's replicas, in seconds of a replica."""

    attempts: int = 0
    run_s: float = 0
    cold_s: float = 0
    idle_s: float = 0

    @property
    def total_s(self) -> float:
        return self.run_s + self.cold_s + self.idle_s


def charges(
    spans: Iterable[Span], habits: Mapping[str, Habits], *, now: float
) -> dict[tuple[str, str], Charge]:
    """By worker and caller. The charges of a worker add up to its replicas' lives, those of a
    pool's workers together to its hosts'.
    """
    made: defaultdict[tuple[str, str], Charge] = defaultdict(Charge)
    ordered = sorted(spans, key=attrgetter("replica", "began"))
    for _, group in groupby(ordered, key=attrgetter("replica")):
        own = list(group)
        _charge_one(made, own, habits[own[0].worker], now)
    return dict(made)


def _charge_one(
    made: defaultdict[tuple[str, str], Charge],
    spans: Sequence[Span],
    habits: Habits,
    now: float,
) -> None:
    busy_s, last = _busy(spans)
    leaves = min(last + habits.keep_alive_s, max(now, last))
    idle_s = leaves - spans[0].began - busy_s
    work: defaultdict[tuple[str, str], float] = defaultdict(float)
    for span in spans:
        work[span.worker, span.caller] += max(span.ended - span.began, _LEAST_S)
        made[span.worker, span.caller].attempts += 1
    whole = sum(work.values())
    for whose, length in work.items():
        charge, share = made[whose], length / whole
        charge.run_s += share * busy_s
        charge.cold_s += share * habits.cold_s
        charge.idle_s += share * idle_s


_LEAST_S = 1e-3
"""An attempt of no length still had its replica started for it."""


def _busy(spans: Sequence[Span]) -> tuple[float, float]:
    """Seconds in which any of these ran, and when the last one ended; they come by their begin."""
    busy_s, until = 0.0, float("-inf")
    for span in spans:
        if span.ended > until:
            busy_s += span.ended - max(span.began, until)
            until = span.ended
    return busy_s, until
