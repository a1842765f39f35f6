"""The register of replicas in DynamoDB: whichever machine they run on, everybody sees them.

A retirement is one conditional write on the replica's row, and every lease is preceded by one on
the same row (:mod:`.roster`). The job's row is another item, so that between the two a lease may
still slip through; then the replica finishes that job and leaves after it. A job is never lost to
it, and no replica is stopped under one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pilotlight.adapters.aws import replica_items as items
from pilotlight.adapters.aws.calls import Refused
from pilotlight.adapters.aws.queries import BATCH, Queries, Range
from pilotlight.adapters.aws.rows import number
from pilotlight.adapters.aws.tables import HOLDER
from pilotlight.ports.fleet import LIVE
from pilotlight.ports.register import Fate, Open, fate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pilotlight.adapters.aws.calls import Calls
    from pilotlight.adapters.aws.rows import Item
    from pilotlight.ports.fleet import ColdStart, Replica

_ROUNDS: Final = 20
"""Rounds of a batch, and rivals for one row, before it is given up for now."""
_IS_LIVE: Final = "#stage IN (:starting, :loading, :ready)"
_LIVE: Final[Item] = {f":{stage}": {"S": stage} for stage in LIVE}


class DynamoRegister:
    """``place`` is the machine, or the cluster, whose replicas this supervisor looks after."""

    def __init__(self, calls: Calls, table: str, *, place: str) -> None:
        self._calls, self._table, self._place = calls, table, place
        self._queries = Queries(calls, table)

    def recent(self, *, now: float) -> list[Replica]:
        return items.shown(map(items.replica_of, self.rows()), now=now)

    def cold_starts(self, worker: str, *, limit: int) -> list[ColdStart]:
        return items.started(map(items.replica_of, self.rows()), worker)[:limit]

    def rows(self) -> Iterator[Item]:
        """Every row there is, whatever its place."""
        request = {
            "KeyConditionExpression": "pk = :p",
            "ExpressionAttributeValues": {":p": items.LIST},
            "ConsistentRead": True,
        }
        ids = [item["sk"]["S"] for page in self._queries.pages(request) for item in page["Items"]]
        for first in range(0, len(ids), BATCH):
            yield from self._batch(ids[first : first + BATCH])

    def _batch(self, ids: list[str]) -> Iterator[Item]:
        keys = [items.row(one) for one in ids]
        wanted: dict[str, Any] = {self._table: {"Keys": keys, "ConsistentRead": True}}
        for answer in self._calls.bit_by_bit("batch_get_item", wanted):
            yield from answer["Responses"].get(self._table, ())

    def add(self, replica_id: str, worker: str, *, slots: int, now: float, **more: Any) -> None:
        """``more`` are further attributes of the row. Asked twice, it is there once."""
        facts = {
            **items.row(replica_id),
            "id": {"S": replica_id},
            items.WORKER: {"S": worker},
            "stage": {"S": "starting"},
            "slots": number(slots),
            "asked_at": number(now),
            "active_at": number(0),
            "place": {"S": self._place},
            **more,
        }
        puts = [
            {
                "Put": {
                    "TableName": self._table,
                    "Item": item,
                    "ConditionExpression": "attribute_not_exists(pk)",
                }
            }
            for item in (facts, items.listed(replica_id))
        ]
        try:
            self._calls("transact_write_items", TransactItems=puts)
        except Refused:
            return

    def runs_as(self, replica_id: str, pid: int, started: float | None) -> None:
        values = {"pid": number(pid)} | (
            {} if started is None else {"pid_started": number(started)}
        )
        self._set(replica_id, values, "attribute_exists(pk)")

    def retire(self, replica_id: str) -> bool:
        return not self.works(replica_id) and self.drains(replica_id)

    def works(self, replica_id: str) -> bool:
        """Whether it holds a job."""
        return bool(self._queries.count(Range(HOLDER, replica_id), most=1))

    def take(self, replica_id: str, own: Item) -> bool:
        """Become the replica of a place that nobody has taken; whether it is ours now."""
        free = "#stage = :starting AND attribute_not_exists(#task)"
        names = {"#stage": "stage"}
        return self._set(replica_id, own, free, names=names, **{":starting": {"S": "starting"}})

    def drains(self, replica_id: str) -> bool:
        return self._set(replica_id, {"stage": {"S": "draining"}}, _IS_LIVE, **_LIVE)

    def _set(
        self,
        replica_id: str,
        values: Item,
        condition: str,
        *,
        names: dict[str, str] | None = None,
        **more: Any,
    ) -> bool:
        """Whether the row is so now by this write; ``names`` are further ones of the condition."""
        names = {f"#{name}": name for name in values} | (names or {})
        sets = ", ".join(f"#{name} = :new_{name}" for name in values)
        try:
            self._calls(
                "update_item",
                TableName=self._table,
                Key=items.row(replica_id),
                UpdateExpression=f"SET {sets}",
                ConditionExpression=condition,
                ExpressionAttributeNames=names,
                ExpressionAttributeValues={f":new_{n}": v for n, v in values.items()} | more,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except Refused as refused:
            (found,) = refused.items
            return refused.doubtful and found is not None and found | values == found
        return True

    def end(self, replica_id: str, words: str, *, clean: bool, now: float) -> Fate:
        for _ in range(_ROUNDS):
            found = self.row(replica_id)
            if found is None:
                break
            known = items.replica_of(found)
            used = known.ready_at is not None and known.active_at > known.ready_at
            decided = fate(
                known.worker, known.stage, words, known.error, clean=clean, was_used=used
            )
            values: Item = {"stage": {"S": decided.stage}}
            values["ended_at"] = number(now if known.ended_at is None else known.ended_at)
            if decided.error is not None:
                values["error"] = {"S": decided.error}
            if self._set(replica_id, values, "#stage = :was", **{":was": found["stage"]}):
                return decided
        return Fate("", "gone", None)

    def row(self, replica_id: str) -> Item | None:
        key = items.row(replica_id)
        answer = self._calls("get_item", TableName=self._table, Key=key, ConsistentRead=True)
        return answer.get("Item")

    def open_items(self) -> list[Item]:
        """Rows of this place that nobody closed, oldest first."""
        mine = [one for one in self.rows() if items.text(one, "place") == self._place]
        return sorted(
            (one for one in mine if "ended_at" not in one),
            key=lambda one: items.moment(one, "asked_at") or 0.0,
        )

    def open_rows(self) -> list[Open]:
        opened = [(items.replica_of(item), item) for item in self.open_items()]
        return [
            Open(replica.id, replica.pid, items.moment(item, "pid_started"))
            for replica, item in opened
        ]

    def silent(self, *, since: float) -> list[str]:
        return [
            item["id"]["S"]
            for item in self.open_items()
            if (seen := items.moment(item, "seen_at")) is not None and seen < since
        ]

    def forget(self, *, ended_before: float) -> int:
        old = items.outdated(map(items.replica_of, self.rows()), ended_before=ended_before)
        for replica_id in old:
            deletes = [
                {"Delete": {"TableName": self._table, "Key": key}}
                for key in (items.listed(replica_id), items.row(replica_id))
            ]
            self._calls("transact_write_items", TransactItems=deletes)
        return len(old)
