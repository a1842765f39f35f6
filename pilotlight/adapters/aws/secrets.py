"""Secrets in a DynamoDB table of their own, encrypted at rest with a key of the account.

A conditional write makes the race and the update safe, which neither SSM's parameters nor
Secrets Manager offer in one request, and nothing is paid while nobody asks. Who may read them is
who may read that table and use its key: only the ingress and the dispatcher need to.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from pilotlight.adapters.aws.calls import Refused
from pilotlight.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from pilotlight.adapters.aws.calls import Calls

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,99}")
_MOST_RIVALS: Final = 50
"""Updates of the same secret that may get in between before this one is given up for now."""


class DynamoSecrets:
    def __init__(self, calls: Calls, table: str) -> None:
        self._calls, self._table = calls, table

    def get_or_create(self, name: str, make: Callable[[], bytes]) -> bytes:
        found = self._read(name)
        if found is not None:
            return found
        made = make()
        try:
            self._write(name, made, None)
        except Refused as refused:
            return _value(refused.items[0])
        return made

    def update(self, name: str, change: Callable[[bytes | None], bytes]) -> bytes:
        """``change`` is asked again when another update came first."""
        before = self._read(name)
        for _ in range(_MOST_RIVALS):
            after = change(before)
            try:
                self._write(name, after, before)
            except Refused as refused:
                now = _value(refused.items[0])
                if refused.doubtful and now == after:
                    return after
                before = now
            else:
                return after
        raise Unavailable(f"too many change the secret {name} at once")

    def _read(self, name: str) -> bytes | None:
        answer = self._calls("get_item", TableName=self._table, Key=_key(name), ConsistentRead=True)
        return _value(answer["Item"]) if "Item" in answer else None

    def _write(self, name: str, value: bytes, before: bytes | None) -> None:
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if before is not None:
            condition = {
                "ConditionExpression": "#v = :before",
                "ExpressionAttributeNames": {"#v": "value"},
                "ExpressionAttributeValues": {":before": {"B": before}},
            }
        self._calls(
            "put_item",
            TableName=self._table,
            Item={**_key(name), "value": {"B": value}},
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
            **condition,
        )


def _key(name: str) -> dict[str, Any]:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name for a secret")
    return {"pk": {"S": name}}


def _value(item: dict[str, Any] | None) -> bytes:
    assert item is not None  # nobody deletes a secret
    return bytes(item["value"]["B"])
