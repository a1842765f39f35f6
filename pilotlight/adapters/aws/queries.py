"""Reading the indexes: keys in order from one partition or all shards, then the rows themselves.

An index runs a moment behind its table. So it only says where to look: rows are read from the
table consistently, and who moves one repeats the condition on the row itself.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pilotlight.adapters.aws.tables import SHARDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pilotlight.adapters.aws.calls import Calls
    from pilotlight.adapters.aws.rows import Item, Value
    from pilotlight.adapters.aws.tables import Index

BATCH: Final = 100
"""Most keys that BatchGetItem takes."""


class Found(NamedTuple):
    """An entry of an index; compares by what the index sorts by, then by id."""

    sort: Any
    pk: str
    item: Item
    """All that the index has of the row."""


@dataclass(frozen=True, slots=True)
class Range:
    """``index.partition = partition AND index.sort op bound``; no bound takes all."""

    index: Index
    partition: str
    op: str = ""
    bound: Value | None = None

    def request(self) -> dict[str, Any]:
        condition = "#p = :p"
        names = {"#p": self.index.partition}
        values: Item = {":p": {"S": self.partition}}
        if self.bound is not None:
            condition += f" AND #s {self.op} :s"
            names["#s"] = self.index.sort
            values[":s"] = self.bound
        return {
            "IndexName": self.index.name,
            "KeyConditionExpression": condition,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
        }


class Queries:
    def __init__(self, calls: Calls, table: str) -> None:
        self._calls, self._table = calls, table

    def pages(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Query, page by page, as far as somebody asks."""
        while True:
            page = self._calls("query", TableName=self._table, **request)
            yield page
            if "LastEvaluatedKey" not in page:
                return
            request = {**request, "ExclusiveStartKey": page["LastEvaluatedKey"]}

    def walk(self, span: Range, *, newest: bool = False, page: int) -> Iterator[Found]:
        """Entries in the order of the index; ``page`` at a time are read."""
        request = {**span.request(), "ScanIndexForward": not newest, "Limit": page}
        for answer in self.pages(request):
            for item in answer["Items"]:
                sort = item[span.index.sort]
                by = float(sort["N"]) if "N" in sort else sort["S"]
                yield Found(by, item["pk"]["S"], item)

    def all_shards(
        self, index: Index, op: str = "", bound: Value | None = None, *, newest: bool, page: int
    ) -> Iterator[Found]:
        """The same over every shard, merged."""
        streams = (
            self.walk(Range(index, shard, op, bound), newest=newest, page=page) for shard in SHARDS
        )
        return heapq.merge(*streams, reverse=newest)

    def count(self, span: Range, *, most: int | None = None, **filtered: Any) -> int:
        """As of a moment ago, and no further than ``most``: a long index is many requests.

        ``filtered`` are more arguments of Query.
        """
        request = _merged({**span.request(), "Select": "COUNT"}, filtered)
        if most is None:
            return sum(page["Count"] for page in self.pages(request))
        found = 0
        for page in self.pages({**request, "Limit": most}):
            found += page["Count"]
            if found >= most:
                break
        return min(found, most)

    def rows(self, found: Iterable[Found], *, batch: int = BATCH) -> Iterator[Item]:
        """Each row as it is now, in the given order; those that are gone are left out."""
        entries = iter(found)
        while keys := [entry.pk for entry in islice(entries, batch)]:
            items = self._batch(keys)
            yield from (items[key] for key in keys if key in items)

    def _batch(self, keys: Sequence[str]) -> dict[str, Item]:
        wanted: dict[str, Any] = {
            self._table: {
                "Keys": [{"pk": {"S": key}, "sk": {"S": "JOB"}} for key in keys],
                "ConsistentRead": True,
            }
        }
        return {
            item["pk"]["S"]: item
            for answer in self._calls.bit_by_bit("batch_get_item", wanted)
            for item in answer["Responses"].get(self._table, ())
        }


def _merged(request: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Both; where both have a mapping, one of both."""
    both = {
        name: {**request[name], **value}
        for name, value in more.items()
        if name in request and isinstance(value, dict)
    }
    return {**request, **more, **both}
