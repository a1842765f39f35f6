"""The scaler's memory as notes in the job table; what it learns from is the index of what ended."""

from __future__ import annotations

import heapq
import json
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from pilotlight.adapters.aws.queries import Queries, Range
from pilotlight.adapters.aws.rows import number
from pilotlight.adapters.aws.tables import ENDED
from pilotlight.contracts.job import JobStatus
from pilotlight.ports.learned import Finished, Warmth

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pilotlight.adapters.aws.calls import Calls
    from pilotlight.adapters.aws.queries import Found

_PARTITION: Final = {"S": "NOTE"}
_TEXT: Final = "scaling:learned:"
_WARM: Final = "scaling:warm:"
_TICKS: Final = 1_000_000
"""``seq`` is the end in microseconds. Two ends in one of them, or one that the index shows late,
may be missed: they were a sample."""


class DynamoLearned:
    """``workers`` are those whose ends are asked for: an index cannot list its partitions."""

    def __init__(self, calls: Calls, table: str, *, workers: Sequence[str]) -> None:
        self._calls, self._table, self._workers = calls, table, tuple(workers)
        self._queries = Queries(calls, table)

    def finished(self, *, after: int | None, limit: int = 500) -> list[Finished]:
        if after is None:
            newest = [self._walk(Range(ENDED, one), limit, newest=True) for one in self._workers]
            runs = list(islice(heapq.merge(*newest, key=lambda run: -run.seq), limit))
            return runs[::-1]
        bound = number(after / _TICKS)
        later = [self._walk(Range(ENDED, one, ">", bound), limit) for one in self._workers]
        return list(islice(heapq.merge(*later, key=lambda run: run.seq), limit))

    def _walk(self, span: Range, limit: int, *, newest: bool = False) -> Iterator[Finished]:
        for entry in self._queries.walk(span, newest=newest, page=limit):
            if entry.item["status"]["S"] == JobStatus.SUCCEEDED and "started_at" in entry.item:
                yield _finished(span.partition, entry)

    def read(self) -> dict[str, str]:
        return self._notes(_TEXT)

    def write(self, texts: Mapping[str, str]) -> None:
        for worker, text in texts.items():
            self._note(_TEXT + worker, text)

    def warm(self, worker: str, warmth: Warmth) -> None:
        self._note(_WARM + worker, json.dumps([warmth.replicas, warmth.until]))

    def warmed(self) -> dict[str, Warmth]:
        return {name: Warmth(*json.loads(value)) for name, value in self._notes(_WARM).items()}

    def _note(self, name: str, value: str) -> None:
        item = {"pk": _PARTITION, "sk": {"S": name}, "value": {"S": value}}
        self._calls("put_item", TableName=self._table, Item=item)

    def _notes(self, prefix: str) -> dict[str, str]:
        request: dict[str, Any] = {
            "KeyConditionExpression": "pk = :p AND begins_with(sk, :s)",
            "ExpressionAttributeValues": {":p": _PARTITION, ":s": {"S": prefix}},
            "ConsistentRead": True,
        }
        return {
            item["sk"]["S"].removeprefix(prefix): item["value"]["S"]
            for page in self._queries.pages(request)
            for item in page["Items"]
        }


def _finished(worker: str, entry: Found) -> Finished:
    return Finished(
        seq=round(entry.sort * _TICKS),
        worker=worker,
        created_at=float(entry.item["created_at"]["N"]),
        started_at=float(entry.item["started_at"]["N"]),
        ended_at=entry.sort,
    )
