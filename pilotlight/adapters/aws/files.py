"""Rows of callers' files in DynamoDB: one partition for each caller, sorted by id."""

from __future__ import annotations

from dataclasses import fields
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from pilotlight.adapters.aws import fresh
from pilotlight.adapters.aws.queries import Queries
from pilotlight.adapters.aws.rows import number
from pilotlight.errors import IllegalTransition
from pilotlight.ports.files import FileRecord

if TYPE_CHECKING:
    from pilotlight.adapters.aws.calls import Calls
    from pilotlight.adapters.aws.rows import Item

_OWN: Final = ("id", "caller")
"""What the item's own key says."""
_NAMES: Final = tuple(field.name for field in fields(FileRecord) if field.name not in _OWN)


class DynamoFiles:
    def __init__(self, calls: Calls, table: str) -> None:
        self._calls, self._table = calls, table
        self._queries = Queries(calls, table)

    def add(self, record: FileRecord) -> None:
        if not fresh.put(self._calls, self._table, _item(record)):
            raise IllegalTransition(f"a file with the id {record.id} exists")

    def find(self, file_id: str, *, caller: str) -> FileRecord | None:
        answer = self._calls(
            "get_item", TableName=self._table, Key=_key(caller, file_id), ConsistentRead=True
        )
        return _record(answer["Item"]) if "Item" in answer else None

    def list_files(
        self, *, caller: str, after: str | None, limit: int, newest_first: bool = True
    ) -> list[FileRecord]:
        condition, values = "pk = :p", {":p": {"S": _partition(caller)}}
        if after is not None:
            condition += " AND sk < :a" if newest_first else " AND sk > :a"
            values[":a"] = {"S": after}
        request = {
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": values,
            "ScanIndexForward": not newest_first,
            "ConsistentRead": True,
            "Limit": limit,
        }
        items = (item for page in self._queries.pages(request) for item in page["Items"])
        return [_record(item) for item in islice(items, limit)]

    def remove(self, file_id: str, *, caller: str) -> bool:
        """A repeated try that finds nothing cannot tell whether the one before it was the one."""
        answer = self._calls(
            "delete_item",
            TableName=self._table,
            Key=_key(caller, file_id),
            ReturnValues="ALL_OLD",
        )
        return "Attributes" in answer


def _partition(caller: str) -> str:
    return f"FILE#{caller}"


def _key(caller: str, file_id: str) -> Item:
    return {"pk": {"S": _partition(caller)}, "sk": {"S": file_id}}


def _item(record: FileRecord) -> Item:
    values = {name: getattr(record, name) for name in _NAMES}
    return {
        **_key(record.caller, record.id),
        **{
            name: {"S": value} if isinstance(value, str) else number(value)
            for name, value in values.items()
            if value is not None
        },
    }


def _record(item: Item) -> FileRecord:
    found: dict[str, Any] = {
        name: float(item[name]["N"]) if "N" in item[name] else item[name]["S"]
        for name in _NAMES
        if name in item
    }
    caller = item["pk"]["S"].removeprefix("FILE#")
    return FileRecord(
        **{**found, "size": int(found["size"]), "id": item["sk"]["S"], "caller": caller}
    )
