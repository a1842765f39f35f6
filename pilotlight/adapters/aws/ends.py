"""Ends of jobs from the index of what is over."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from pilotlight.adapters.aws.queries import Queries, Range
from pilotlight.adapters.aws.rows import number
from pilotlight.adapters.aws.tables import ENDED
from pilotlight.contracts.job import JobStatus
from pilotlight.ports.ends import Ended

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pilotlight.adapters.aws.calls import Calls
    from pilotlight.ports.clock import Clock

_LAG_S: Final = 2.0
"""An index runs behind its table; what is younger than this is counted the next time."""
_FIRST_S: Final = 60.0
"""The first call counts so far back: a Lambda that was started anew leaves no minute out."""
_PAGE: Final = 1000


class DynamoEnds:
    def __init__(self, calls: Calls, table: str, *, workers: Sequence[str], clock: Clock) -> None:
        self._queries, self._workers, self._clock = Queries(calls, table), tuple(workers), clock
        self._until: float | None = None

    def fresh(self) -> Mapping[str, Ended]:
        until = self._clock.now() - _LAG_S
        after = until - _FIRST_S if self._until is None else self._until
        self._until = until
        return {worker: self._count(worker, after, until) for worker in self._workers}

    def _count(self, worker: str, after: float, until: float) -> Ended:
        found = Counter[str]()
        for entry in self._queries.walk(Range(ENDED, worker, ">", number(after)), page=_PAGE):
            if entry.sort > until:
                break
            found[_text(entry.item, "status")] += 1
        return Ended(
            succeeded=found[JobStatus.SUCCEEDED],
            failed=found[JobStatus.FAILED] + found[JobStatus.EXPIRED],
        )


def _text(item: Mapping[str, Any], name: str) -> str:
    return str(item[name]["S"])
