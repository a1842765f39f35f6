"""Forget a terminal row: feed first, then long texts, then row and idempotency record at once.

Whoever is killed in between leaves a row that the next purge finds again.
"""

from __future__ import annotations

import contextlib
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from pilotlight.adapters.aws.calls import Refused
from pilotlight.adapters.aws.queries import Queries
from pilotlight.adapters.aws.rows import (
    feed_partition,
    idempotency_key,
    job_key,
    number,
    tally_key,
)
from pilotlight.adapters.aws.tables import FORGET, TTL, TTL_SLACK_S
from pilotlight.adapters.aws.texts import is_shelved

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pilotlight.adapters.aws.calls import Calls
    from pilotlight.adapters.aws.queries import Found
    from pilotlight.adapters.aws.rows import Item
    from pilotlight.adapters.aws.texts import LongTexts
    from pilotlight.contracts.job import Job

_BATCH: Final = 25
"""Most writes that BatchWriteItem takes."""
AGAIN_S: Final = 3600.0
"""A row whose webhook is still tried is looked at again after this."""


class Forgetting:
    def __init__(self, calls: Calls, table: str, texts: LongTexts) -> None:
        self._calls, self._table, self._texts = calls, table, texts
        self._queries = Queries(calls, table)

    def candidates(self, *, now: float, limit: int) -> Iterator[Found]:
        found = self._queries.all_shards(FORGET, "<=", number(now), newest=False, page=limit)
        return islice(found, limit)

    def forget(self, job: Job, item: Item, *, now: float) -> bool:
        """Whether the row is gone now, by this call."""
        if job.forget_at is None or job.forget_at > now:
            return False
        if job.webhook_due is not None:
            self._put_off(job, now)
            return False
        elsewhere = self._forget_feed(job.id)
        if elsewhere or any(is_shelved(value) for value in item.values()):
            self._texts.forget(job.id)
        return self._delete(job, now)

    def _put_off(self, job: Job, now: float) -> None:
        """Its webhook is not settled: out of the way of others, which are looked at oldest first."""
        later = now + AGAIN_S
        with contextlib.suppress(Refused):  # it was settled, or is gone
            self._calls(
                "update_item",
                TableName=self._table,
                Key=job_key(job.id),
                UpdateExpression="SET #forget = :later, #ttl = :ttl",
                ConditionExpression="attribute_exists(webhook_due) AND #forget <= :now",
                ExpressionAttributeNames={"#forget": FORGET.sort, "#ttl": TTL},
                ExpressionAttributeValues={
                    ":later": number(later),
                    ":ttl": number(int(later) + TTL_SLACK_S),
                    ":now": number(now),
                },
            )

    def _forget_feed(self, job_id: str) -> bool:
        """Whether a text of its entries lay elsewhere."""
        request = {
            "KeyConditionExpression": "pk = :p",
            "ExpressionAttributeValues": {":p": feed_partition(job_id)},
            "ProjectionExpression": "pk, sk, elsewhere",
        }
        elsewhere = False
        for page in self._queries.pages(request):
            elsewhere |= any("elsewhere" in item for item in page["Items"])
            keys = [{name: item[name] for name in ("pk", "sk")} for item in page["Items"]]
            for first in range(0, len(keys), _BATCH):
                self._delete_all(keys[first : first + _BATCH])
        return elsewhere

    def _delete_all(self, keys: Sequence[Item]) -> None:
        wanted: dict[str, Any] = {self._table: [{"DeleteRequest": {"Key": key}} for key in keys]}
        for _ in self._calls.bit_by_bit("batch_write_item", wanted):
            pass

    def _delete(self, job: Job, now: float) -> bool:
        deletes: list[dict[str, Any]] = [
            {
                "Key": job_key(job.id),
                "ConditionExpression": "forget_at <= :now AND attribute_not_exists(webhook_due)",
                "ExpressionAttributeValues": {":now": number(now)},
            }
        ]
        if job.idempotency_key is not None:
            deletes.append({"Key": idempotency_key(job.caller, job.idempotency_key)})
        if job.group_id == job.id:
            deletes.append({"Key": tally_key(job.id)})
        items = [{"Delete": {"TableName": self._table, **delete}} for delete in deletes]
        try:
            self._calls("transact_write_items", TransactItems=items)
        except Refused as refused:
            return refused.doubtful and not refused.items[0]
        return True
