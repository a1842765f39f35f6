"""API keys in DynamoDB.

They share a partition: it answers 3,000 reads a second, an ingress remembers each answer for half
a minute, and listing them is one query.
"""

from __future__ import annotations

import contextlib
from dataclasses import fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from pilotlight.adapters.aws import fresh
from pilotlight.adapters.aws.calls import Refused
from pilotlight.adapters.aws.queries import Queries
from pilotlight.adapters.aws.rows import number
from pilotlight.errors import IllegalTransition
from pilotlight.ports.keys import KeyRecord

if TYPE_CHECKING:
    from pilotlight.adapters.aws.calls import Calls
    from pilotlight.adapters.aws.rows import Item

_PARTITION: Final = {"S": "KEY"}
_NAMES: Final = tuple(field.name for field in fields(KeyRecord))


def _item(record: KeyRecord) -> Item:
    values = {name: getattr(record, name) for name in _NAMES}
    return {
        **_key(record.id),
        **{
            name: {"S": value} if isinstance(value, str) else number(value)
            for name, value in values.items()
            if value is not None
        },
    }


def _key(key_id: str) -> Item:
    return {"pk": _PARTITION, "sk": {"S": key_id}}


def _record(item: Item) -> KeyRecord:
    found: dict[str, Any] = {
        name: float(item[name]["N"]) if "N" in item[name] else item[name]["S"]
        for name in _NAMES
        if name in item
    }
    return KeyRecord(**found)


class DynamoKeys:
    def __init__(self, calls: Calls, table: str) -> None:
        self._calls, self._table = calls, table
        self._queries = Queries(calls, table)

    def find(self, key_id: str) -> KeyRecord | None:
        answer = self._calls(
            "get_item", TableName=self._table, Key=_key(key_id), ConsistentRead=True
        )
        return _record(answer["Item"]) if "Item" in answer else None

    def add(self, record: KeyRecord) -> None:
        if not fresh.put(self._calls, self._table, _item(record)):
            raise IllegalTransition(f"a key with the id {record.id} exists")

    def list_keys(self) -> list[KeyRecord]:
        request = {
            "KeyConditionExpression": "pk = :p",
            "ExpressionAttributeValues": {":p": _PARTITION},
            "ConsistentRead": True,
        }
        records = [_record(item) for page in self._queries.pages(request) for item in page["Items"]]
        return sorted(records, key=attrgetter("created_at"), reverse=True)

    def revoke(self, key_id: str, *, now: float) -> bool:
        try:
            self._update(
                key_id,
                "revoked_at",
                now,
                "attribute_exists(pk) AND attribute_not_exists(revoked_at)",
            )
        except Refused as refused:
            (item,) = refused.items
            return refused.doubtful and item is not None and _record(item).revoked_at == now
        return True

    def end(self, key_id: str, *, at: float) -> bool:
        try:
            self._update(
                key_id,
                "expires_at",
                at,
                "attribute_exists(pk) AND attribute_not_exists(revoked_at) AND "
                "(attribute_not_exists(expires_at) OR expires_at > :moment)",
            )
        except Refused as refused:
            (item,) = refused.items
            return refused.doubtful and item is not None and _record(item).expires_at == at
        return True

    def touch(self, key_id: str, *, now: float) -> None:
        minute = now - now % 60
        with contextlib.suppress(Refused):  # it was used later, or it is gone
            self._update(
                key_id,
                "last_used_at",
                minute,
                "attribute_exists(pk) AND "
                "(attribute_not_exists(last_used_at) OR last_used_at < :moment)",
            )

    def _update(self, key_id: str, name: str, moment: float, condition: str) -> None:
        self._calls(
            "update_item",
            TableName=self._table,
            Key=_key(key_id),
            UpdateExpression=f"SET {name} = :moment",
            ConditionExpression=condition,
            ExpressionAttributeValues={":moment": number(moment)},
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
