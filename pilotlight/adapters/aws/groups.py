"""Groups in DynamoDB: the tally is an item of its own, changed in transactions with the rows.

What a transaction holds is done once: the condition on each row refuses a second try, whether the
first one's answer was lost or somebody else was quicker.
"""

from __future__ import annotations

import secrets
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from pilotlight.adapters.aws import expressions, fresh
from pilotlight.adapters.aws.calls import Refused
from pilotlight.adapters.aws.fresh import ABSENT, MOST_ROUNDS
from pilotlight.adapters.aws.queries import BATCH, Queries, Range
from pilotlight.adapters.aws.rows import (
    item_of,
    job_key,
    job_of,
    number,
    tally_key,
)
from pilotlight.adapters.aws.tables import GROUP, MARK
from pilotlight.adapters.aws.texts import LONGEST_BYTES
from pilotlight.contracts import moves
from pilotlight.contracts.group import Tally, counted, portion
from pilotlight.contracts.job import TERMINAL, JobStatus
from pilotlight.errors import IllegalTransition, Unavailable
from pilotlight.ports.store import Created

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pilotlight.adapters.aws.calls import Calls
    from pilotlight.adapters.aws.queries import Found
    from pilotlight.adapters.aws.rows import Item
    from pilotlight.adapters.aws.texts import LongTexts
    from pilotlight.contracts.job import Job

_MOST: Final = 100
"""Items of one transaction."""
_MOST_BYTES: Final = 3 * 1024 * 1024
"""DynamoDB takes 4 MB in one transaction."""
_BRIEF_BYTES: Final = 2 * 1024
"""Kept of a text in its item where many members together would be too much: the rest of them lie
elsewhere, so that a chunk of members is one transaction whatever they hold."""
_REST_BYTES: Final = 8 * 1024
"""Of a row beside its texts, with a history of some fifty events."""
_ROUNDS: Final = 5
_NUMBERS: Final = ("total", "succeeded", "failed", "cancelled", "expired")


class DynamoGroups:
    chunk = _MOST - 1

    def __init__(self, calls: Calls, table: str, texts: LongTexts) -> None:
        self._calls, self._table, self._texts = calls, table, texts
        self._queries = Queries(calls, table)

    def open(self, head: Job) -> Created:
        gone: str | None = None
        for _ in range(MOST_ROUNDS):
            try:
                self._calls("transact_write_items", TransactItems=self._births(head, gone))
            except Refused as refused:
                known = self._known(head, refused)
                if isinstance(known, Created):
                    return known
                gone = known
            else:
                return Created(head, existed=False)
        raise Unavailable("the first group of this idempotency key is just being forgotten")

    def _births(self, head: Job, gone: str | None) -> list[dict[str, Any]]:
        """Row and tally, behind the record of the idempotency key if there is one."""
        tally = {**tally_key(head.id), **{name: number(0) for name in _NUMBERS}}
        items = [self._item(head), {**tally, "progress": {"S": "-"}, "sealed": {"BOOL": False}}]
        puts = [{"Put": {"TableName": self._table, "Item": item, **ABSENT}} for item in items]
        if head.idempotency_key is None:
            return puts
        return [fresh.record(self._table, head, instead_of=gone), *puts]

    def _known(self, head: Job, refused: Refused) -> Created | str:
        """The group that was there, by its key, or because our first try was answered late; only
        the id of one whose row is gone.
        """
        record = refused.items[0] if head.idempotency_key is not None else None
        if record is None and not refused.doubtful:
            raise IllegalTransition(f"a job with the id {head.id} exists")
        known_id: str = record["job"]["S"] if record else head.id
        first = self._row(known_id)
        return Created(first, existed=first.id != head.id) if first else known_id

    def _item(self, job: Job, longest: int = LONGEST_BYTES) -> Item:
        return item_of(job, self._texts, token=secrets.token_hex(6), longest=longest)

    def _row(self, job_id: str) -> Job | None:
        answer = self._calls(
            "get_item", TableName=self._table, Key=job_key(job_id), ConsistentRead=True
        )
        return job_of(answer["Item"], self._texts) if "Item" in answer else None

    def add(
        self, tally: Tally, jobs: Sequence[Job], *, cursor: str, sealed: bool = False
    ) -> Tally | None:
        names = {"#sealed": "sealed", "#progress": "progress", "#total": "total"}
        change = {
            "TableName": self._table,
            "Key": tally_key(tally.group_id),
            "UpdateExpression": "SET #progress = :to, #sealed = :seal ADD #total :n",
            "ConditionExpression": "#progress = :from AND #sealed = :open",
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": {
                ":to": _cursor(cursor),
                ":from": _cursor(tally.cursor),
                ":n": number(len(jobs)),
                ":seal": {"BOOL": sealed},
                ":open": {"BOOL": False},
            },
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        fits = sum(map(_weight, jobs)) <= _MOST_BYTES
        items = [self._item(job, LONGEST_BYTES if fits else _BRIEF_BYTES) for job in jobs]
        puts = [{"Put": {"TableName": self._table, "Item": item, **ABSENT}} for item in items]
        try:
            self._calls("transact_write_items", TransactItems=[{"Update": change}, *puts])
        except Refused as refused:
            if refused.items[0] is None:
                raise IllegalTransition("a job with a member's id exists") from None
            return None
        return self.tally(tally.group_id)

    def seal(self, group_id: str) -> Tally | None:
        try:
            answer = self._calls(
                "update_item",
                TableName=self._table,
                Key=tally_key(group_id),
                UpdateExpression="SET #sealed = :yes",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeNames={"#sealed": "sealed"},
                ExpressionAttributeValues={":yes": {"BOOL": True}},
                ReturnValues="ALL_NEW",
            )
        except Refused:
            return None
        return _tally_of(group_id, answer["Attributes"])

    def tally(self, group_id: str) -> Tally | None:
        key = tally_key(group_id)
        answer = self._calls("get_item", TableName=self._table, Key=key, ConsistentRead=True)
        return _tally_of(group_id, answer["Item"]) if "Item" in answer else None

    def marks(self, *, now: float, limit: int = 500) -> list[Job]:
        found = self._queries.all_shards(MARK, "<=", number(now), newest=False, page=limit)
        rows = self._jobs(islice(found, limit))
        due = (job for job in rows if job.group_due is not None and job.group_due <= now)
        return portion(due, limit)

    def next_mark(self) -> float | None:
        found = next(self._queries.all_shards(MARK, newest=False, page=1), None)
        return None if found is None else float(found.sort)

    def settle(self, group_id: str, ended: Sequence[Job]) -> Tally | None:
        for part in _parts(ended, most=self.chunk):
            self._settle(group_id, part)
        return self.tally(group_id)

    def _settle(self, group_id: str, ended: list[Job]) -> None:
        known = self.tally(group_id) is not None
        for _ in range(_ROUNDS):
            if not ended:
                return
            writes = [{"Update": self._heard(job)} for job in ended]
            if known:
                writes.append({"Update": self._count(group_id, ended)})
            try:
                self._calls("transact_write_items", TransactItems=writes)
            except Refused:
                ended = [job for job in ended if self._is_marked(job)]
            else:
                return
        raise Unavailable("others count the same group; they or we count the rest later")

    def _is_marked(self, job: Job) -> bool:
        row = self._row(job.id)
        return row is not None and row.group_due == job.group_due

    def _heard(self, job: Job) -> dict[str, Any]:
        request = expressions.update(
            moves.heard(job),
            write_text=lambda text: {"S": text},
            event=None,
            token=secrets.token_hex(6),
        )
        assert request is not None  # a mark that is not there is not settled
        return {"TableName": self._table, "Key": job_key(job.id), **request}

    def _count(self, group_id: str, ended: Sequence[Job]) -> dict[str, Any]:
        counts = {name: count for name, count in counted(ended).items() if count}
        return {
            "TableName": self._table,
            "Key": tally_key(group_id),
            "UpdateExpression": "ADD " + ", ".join(f"#{name} :{name}" for name in counts),
            "ConditionExpression": "attribute_exists(pk)",
            "ExpressionAttributeNames": {f"#{name}": name for name in counts},
            "ExpressionAttributeValues": {
                f":{name}": number(count) for name, count in counts.items()
            },
        }

    def members(
        self, group_id: str, *, after: str = "", limit: int = 100, live: bool = False
    ) -> list[Job]:
        bound = {"S": after} if after else None
        span = Range(GROUP, group_id, ">" if after else "", bound)
        found = self._queries.walk(span, page=min(limit, 1000))
        if live:  # a copy that says it is over is right: that never changes
            found = (entry for entry in found if entry.item["status"]["S"] not in _OVER)
        rows = self._jobs(found, batch=min(limit, BATCH))
        wanted = (job for job in rows if not (live and job.status.is_terminal))
        return portion(wanted, limit)

    def statuses(self, group_id: str) -> list[tuple[str, JobStatus]]:
        found = self._queries.walk(Range(GROUP, group_id), page=1000)
        return [(entry.sort, JobStatus(entry.item["status"]["S"])) for entry in found]

    def _jobs(self, found: Iterator[Found], *, batch: int = BATCH) -> Iterator[Job]:
        rows = self._queries.rows(found, batch=batch)
        return (job_of(item, self._texts) for item in rows)


def _parts(jobs: Sequence[Job], *, most: int) -> Iterator[list[Job]]:
    """As many rows as one transaction takes: it counts each at its whole size."""
    part: list[Job] = []
    size = 0
    for job in jobs:
        weight = _weight(job)
        if part and (len(part) == most or size + weight > _MOST_BYTES):
            yield part
            part, size = [], 0
        part.append(job)
        size += weight
    if part:
        yield part


def _weight(job: Job) -> int:
    """At least the bytes of its item; a longer text lies elsewhere."""
    texts = (job.input, job.output, job.options, job.error, job.artifacts, job.retries, job.tags)
    return _REST_BYTES + sum(min(4 * len(text), LONGEST_BYTES) for text in texts if text)


_OVER: Final = frozenset(map(str, TERMINAL))


def _cursor(text: str) -> dict[str, str]:
    """No text is empty: emulators disagree about those."""
    return {"S": f"-{text}"}


def _tally_of(group_id: str, item: Item) -> Tally:
    numbers = {name: int(float(item[name]["N"])) for name in _NUMBERS}
    cursor = item["progress"]["S"][1:]
    return Tally(group_id=group_id, cursor=cursor, sealed=item["sealed"]["BOOL"], **numbers)
