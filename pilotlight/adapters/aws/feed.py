"""A job's feed in DynamoDB: each append is one item, numbered 1, 2, 3 ... within its job.

The number is taken by the write itself, which is refused if somebody has it: so entries keep
their order whatever the clocks of two replicas say, and a reader never sees a later item before
an earlier one. ``seq`` is the item's number times 1,000 plus the place in it.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict, defaultdict
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from pilotlight.adapters.aws.calls import Refused
from pilotlight.adapters.aws.queries import Queries
from pilotlight.adapters.aws.rows import feed_partition, number
from pilotlight.adapters.aws.texts import is_shelved
from pilotlight.errors import Unavailable
from pilotlight.ports.feed import Entry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pilotlight.adapters.aws.calls import Calls
    from pilotlight.adapters.aws.rows import Item, Value
    from pilotlight.adapters.aws.texts import LongTexts
    from pilotlight.ports.feed import FeedKind, NewEntry

_PER_ITEM: Final = 1000
_ITEM_BYTES: Final = 256 * 1024
"""Far enough below the 400 KB of an item that names and one more entry fit."""
_REMEMBERED: Final = 4096
"""Jobs whose last number is remembered."""
_MOST_WRITERS: Final = 20
"""Writers of one job that may get in between before it is given up for now."""


class DynamoFeed:
    def __init__(self, calls: Calls, table: str, texts: LongTexts) -> None:
        self._calls, self._table, self._texts = calls, table, texts
        self._queries = Queries(calls, table)
        self._lock = threading.Lock()
        self._last: OrderedDict[str, int] = OrderedDict()

    def append(self, entries: Sequence[NewEntry]) -> None:
        by_job: dict[str, list[NewEntry]] = defaultdict(list)
        for entry in entries:
            by_job[entry.job_id].append(entry)
        for job_id, mine in by_job.items():
            for values in _split([self._value(entry) for entry in mine]):
                self._write(job_id, values)

    def read(
        self, job_id: str, *, after: int = 0, limit: int = 1000, kind: FeedKind | None = None
    ) -> list[Entry]:
        wanted = (
            entry
            for entry in self._entries(job_id, after // _PER_ITEM, limit)
            if entry.seq > after and kind in (None, entry.kind)
        )
        return list(islice(wanted, limit))

    def _entries(self, job_id: str, first: int, limit: int) -> Iterator[Entry]:
        request = {
            "KeyConditionExpression": "pk = :p AND sk >= :s",
            "ExpressionAttributeValues": {":p": feed_partition(job_id), ":s": _sort_key(first)},
            "ConsistentRead": True,
            "Limit": limit + 1,
        }
        for page in self._queries.pages(request):
            for item in page["Items"]:
                base = int(item["sk"]["S"]) * _PER_ITEM
                for place, value in enumerate(item["entries"]["L"]):
                    yield self._entry(base + place, value["M"])

    def _entry(self, seq: int, found: Item) -> Entry:
        kind: Any = found["kind"]["S"]
        return Entry(seq, kind, self._texts.read(found["body"]), float(found["at"]["N"]))

    def _value(self, entry: NewEntry) -> Value:
        body = self._texts.write(entry.job_id, entry.body)
        return {"M": {"kind": {"S": entry.kind}, "body": body, "at": number(entry.at)}}

    def _write(self, job_id: str, values: list[Value]) -> None:
        token = secrets.token_hex(6)
        item = {"pk": feed_partition(job_id), "entries": {"L": values}, "token": {"S": token}}
        if any(is_shelved(value["M"]["body"]) for value in values):
            item["elsewhere"] = {"BOOL": True}
        with self._lock:
            last = self._last.get(job_id, 0)
        for _ in range(_MOST_WRITERS):
            if self._put({**item, "sk": _sort_key(last + 1)}, token):
                return self._remember(job_id, last + 1)
            last = self._newest(job_id)
        raise Unavailable("too many write to the feed of this job at once")

    def _put(self, item: Item, token: str) -> bool:
        try:
            self._calls(
                "put_item",
                TableName=self._table,
                Item=item,
                ConditionExpression="attribute_not_exists(pk)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except Refused as refused:
            (there,) = refused.items
            return there is not None and there["token"]["S"] == token
        return True

    def _newest(self, job_id: str) -> int:
        request = {
            "KeyConditionExpression": "pk = :p",
            "ExpressionAttributeValues": {":p": feed_partition(job_id)},
            "ProjectionExpression": "sk",
            "ScanIndexForward": False,
            "ConsistentRead": True,
            "Limit": 1,
        }
        for page in self._queries.pages(request):
            for item in page["Items"]:
                return int(item["sk"]["S"])
        return 0

    def _remember(self, job_id: str, last: int) -> None:
        with self._lock:
            self._last[job_id] = max(last, self._last.pop(job_id, 0))
            if len(self._last) > _REMEMBERED:
                self._last.popitem(last=False)


def _sort_key(item_number: int) -> Value:
    return {"S": f"{item_number:012d}"}


def _split(values: list[Value]) -> Iterator[list[Value]]:
    """As few items as hold them, each small enough."""
    part: list[Value] = []
    size = 0
    for value in values:
        # A text longer than texts.LONGEST_BYTES is elsewhere, so no entry alone is too big.
        more = len(repr(value["M"]["body"]).encode()) + 100
        if part and (size + more > _ITEM_BYTES or len(part) == _PER_ITEM):
            yield part
            part, size = [], 0
        part.append(value)
        size += more
    if part:
        yield part
