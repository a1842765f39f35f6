"""How long a queue waits in all, in closed form: the work does not grow with its length."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def total_wait_s(free_in_s: Sequence[float], jobs: int, service_s: float) -> float:
    """Sum of the waits from now on of ``jobs`` that are served first come, first served.

    ``free_in_s`` says for each slot when it takes its next job; every job takes ``service_s``.
    Exact: the starts that can happen are r, r + s, r + 2s ... for each slot, and the jobs get the
    earliest of all. By the moment at which the slots have worked off the queue as if it were a
    fluid, each slot has begun as many as it completed, and one more where that is earliest.
    Raises ValueError without a slot.
    """
    if not free_in_s:
        raise ValueError("a queue without slots waits for ever")
    if jobs <= 0:
        return 0.0
    ready = sorted(free_in_s)
    level = _level(ready, jobs * service_s)
    used = [free for free in ready if free <= level]
    done = [int((level - free) / service_s + 1e-9) for free in used]
    wait = sum(
        count * free + service_s * count * (count - 1) / 2
        for free, count in zip(used, done, strict=True)
    )
    rest = jobs - sum(done)
    starts = [free + count * service_s for free, count in zip(used, done, strict=True)]
    return wait + sum(heapq.nsmallest(rest, starts))


def _level(ready: Sequence[float], work_s: float) -> float:
    """When slots that begin at ``ready`` (ascending) have done so much work together."""
    began = 0.0
    level = ready[0]
    for count, free in enumerate(ready, start=1):
        began += free
        level = (work_s + began) / count
        if count == len(ready) or level <= ready[count]:
            break
    return level
