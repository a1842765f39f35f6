"""The drop folder in S3, and what was taken of it in DynamoDB.

Objects come whole, so none has to settle. A version is its ETag and the second it was put: the
same bytes dropped again later are another wish.
"""

from __future__ import annotations

import hashlib
import tempfile
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from pilotlight.adapters.aws.calls import Refused
from pilotlight.adapters.aws.objects import Changed, translated
from pilotlight.adapters.aws.queries import Queries
from pilotlight.adapters.aws.rows import number
from pilotlight.errors import UnknownFile
from pilotlight.ports.drop import Dropped, Replaced, Taken

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pilotlight.adapters.aws.calls import Calls
    from pilotlight.adapters.aws.objects import Bucket
    from pilotlight.adapters.aws.rows import Item

DROP, RESULTS = "drop/", "drop-results/"
_CHUNK_BYTES: Final = 1024 * 1024
_IN_MEMORY: Final = 8 * 1024 * 1024
_LONGEST_KEY: Final = 1024
"""Bytes of UTF-8, S3's limit."""
_PENDING: Final = "DROPS"
_MOST_KEYS: Final = 100
"""Of one BatchGetItem."""


class S3DropFolder:
    whole = True

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def is_there(self) -> bool:
        return True

    def listing(self) -> Iterator[Dropped]:
        for entry in self._bucket.entries(DROP):
            if not _is_folder(entry["Key"]):
                yield _dropped(entry["Key"], entry["Size"], entry)

    def look(self, key: str) -> Dropped | None:
        if _is_folder(DROP + key):
            return None
        try:
            head = self._bucket.head(DROP + key)
        except UnknownFile:
            return None
        return _dropped(DROP + key, head["ContentLength"], head)

    def read(self, dropped: Dropped) -> Iterator[bytes]:
        etag = dropped.version.partition("-")[2]
        try:
            body = self._bucket.get(DROP + dropped.key, etag=f'"{etag}"')["Body"]
        except (Changed, UnknownFile):
            raise Replaced("the object was replaced") from None
        with body, translated():
            while chunk := body.read(_CHUNK_BYTES):
                yield chunk

    def write(self, name: str, content: Iterable[bytes]) -> None:
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
            for chunk in content:
                file.write(chunk)
            size = file.tell()
            file.seek(0)
            self._bucket.put(_fitting(RESULTS + name), file, size=size)  # type: ignore[arg-type]

    def remove(self, name: str) -> None:
        self._bucket.delete(_fitting(RESULTS + name))


def _is_folder(key: str) -> bool:
    """What consoles make for one: an empty object, told of like any other."""
    return key.endswith("/")


def _dropped(key: str, size: int, said: dict[str, Any]) -> Dropped:
    etag, put_at = said["ETag"].strip('"'), int(said["LastModified"].timestamp())
    return Dropped(key.removeprefix(DROP), size, f"{put_at}-{etag}")


def _fitting(key: str) -> str:
    raw = key.encode()
    if len(raw) <= _LONGEST_KEY:
        return key
    mark = hashlib.sha256(raw).hexdigest()[:16]
    return f"{raw[:800].decode(errors='ignore')}~{mark}~{raw[-150:].decode(errors='ignore')}"


class DynamoDropLedger:
    """::

    DROP#id      DROP     a version that was taken
    DROPPED#hash DROP     the version of an object that was taken last
    DROPS        job#id   a version whose results are not written; ids of jobs sort by age
    NOTE         drops    how many were taken
    """

    def __init__(self, calls: Calls, table: str) -> None:
        self._calls, self._table = calls, table
        self._queries = Queries(calls, table)
        self._behind: str | None = None
        """Where the last look at what is pending was cut off."""

    def known(self, ids: Sequence[str]) -> set[str]:
        found: set[str] = set()
        for first in range(0, len(ids), _MOST_KEYS):
            keys = [_key(f"DROP#{own_id}") for own_id in ids[first : first + _MOST_KEYS]]
            wanted: Any = {self._table: {"Keys": keys, "ConsistentRead": True}}
            for answer in self._calls.bit_by_bit("batch_get_item", wanted):
                items = answer["Responses"].get(self._table, ())
                found |= {item["pk"]["S"].removeprefix("DROP#") for item in items}
        return found

    def add(self, taken: Sequence[Taken]) -> None:
        for one in taken:
            self._add(one)

    def _add(self, one: Taken) -> None:
        item: Item = {**_key(f"DROP#{one.id}"), "name": {"S": one.key}}
        writes: list[dict[str, Any]] = [
            {
                "Put": {
                    "TableName": self._table,
                    "Item": item,
                    "ConditionExpression": "attribute_not_exists(pk)",
                }
            },
            {"Put": {"TableName": self._table, "Item": _newest(one)}},
            {"Update": {"TableName": self._table, **_COUNT}},
        ]
        if one.pending and one.job_id is not None:
            row = {**_pending(one), "name": {"S": one.key}, "job": {"S": one.job_id}}
            writes.append({"Put": {"TableName": self._table, "Item": row}})
        try:
            self._calls("transact_write_items", TransactItems=writes)
        except Refused:
            return  # it was taken before

    def pending(self, *, limit: int) -> list[Taken]:
        first = self._behind
        found = list(islice(self._listed("sk > :s", first or "#", page=limit), limit))
        cut_off = len(found) == limit
        if first is not None:
            found += islice(self._listed("sk <= :s", first, page=limit), limit - len(found))
        self._behind = found[-1]["sk"]["S"] if cut_off else None
        return [_taken(item) for item in found]

    def _listed(self, condition: str, bound: str, *, page: int) -> Iterator[Item]:
        request: dict[str, Any] = {
            "KeyConditionExpression": f"pk = :p AND {condition}",
            "ExpressionAttributeValues": {":p": {"S": _PENDING}, ":s": {"S": bound}},
            "ConsistentRead": True,
            "Limit": page,
        }
        return (item for answer in self._queries.pages(request) for item in answer["Items"])

    def settle(self, taken: Taken) -> None:
        self._calls("delete_item", TableName=self._table, Key=_pending(taken))

    def newest(self, key: str) -> str | None:
        answer = self._calls(
            "get_item", TableName=self._table, Key=_object(key), ConsistentRead=True
        )
        return str(answer["Item"]["version"]["S"]) if "Item" in answer else None

    def counts(self) -> tuple[int, int]:
        answer = self._calls(
            "get_item", TableName=self._table, Key=_COUNT["Key"], ConsistentRead=True
        )
        total = int(float(answer["Item"]["count"]["N"])) if "Item" in answer else 0
        request: dict[str, Any] = {
            "KeyConditionExpression": "pk = :p",
            "ExpressionAttributeValues": {":p": {"S": _PENDING}},
            "Select": "COUNT",
        }
        return total, sum(answer["Count"] for answer in self._queries.pages(request))


_COUNT: Final[dict[str, Any]] = {
    "Key": {"pk": {"S": "NOTE"}, "sk": {"S": "drops"}},
    "UpdateExpression": "ADD #count :one",
    "ExpressionAttributeNames": {"#count": "count"},
    "ExpressionAttributeValues": {":one": number(1)},
}


def _key(pk: str) -> Item:
    return {"pk": {"S": pk}, "sk": {"S": "DROP"}}


def _pending(one: Taken) -> Item:
    return {"pk": {"S": _PENDING}, "sk": {"S": f"{one.job_id}#{one.id}"}}


def _taken(item: Item) -> Taken:
    own_id = item["sk"]["S"].rpartition("#")[2]
    return Taken(own_id, item["name"]["S"], item["job"]["S"])


def _object(key: str) -> Item:
    """Hashed: a key of S3 may be as long as a table's key."""
    return _key(f"DROPPED#{hashlib.sha256(key.encode()).hexdigest()}")


def _newest(one: Taken) -> Item:
    return {**_object(one.key), "version": {"S": one.id}}
