"""Jobs counted by what they have in common: who sends so much, which error is the most frequent."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


class By(StrEnum):
    STATUS = "status"
    ENDPOINT = "endpoint"
    WORKER = "worker"
    CALLER = "caller"
    WHY = "why"


def counted(rows: Iterable[dict[str, Any]], by: By) -> list[dict[str, Any]]:
    """The most frequent first; of each its first and its newest. ``rows`` are newest first."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        value = _value(row, by)
        one = found.setdefault(
            value,
            {"jobs": 0, str(by): value, "first_at": 0.0, "last_at": row["created_at"],
             "last_id": row["id"]},
        )  # fmt: skip
        one["jobs"] += 1
        one["first_at"] = row["created_at"]
    return sorted(found.values(), key=lambda one: -one["jobs"])


def _value(row: dict[str, Any], by: By) -> str:
    if by is By.WHY:
        return (row["error"] or "").partition("\n")[0]
    return str(row[by])
