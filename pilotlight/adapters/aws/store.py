"""The job records in DynamoDB.

A move is one UpdateItem, whatever it does: the transition compiled to a condition and its effects
(:mod:`.expressions`), the history in the same item. A new row is one PutItem, or one transaction
together with its idempotency record. A request whose answer is lost is sent again, and the token
in the row tells whether the lost one was ours (:mod:`.calls`).
"""

from __future__ import annotations

import contextlib
import secrets
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Any

from pilotlight.adapters.aws import expressions, fresh, history, listing
from pilotlight.adapters.aws.calls import Refused, TooLarge
from pilotlight.adapters.aws.forgetting import Forgetting
from pilotlight.adapters.aws.fresh import ABSENT, MOST_ROUNDS
from pilotlight.adapters.aws.queries import BATCH, Queries, Range
from pilotlight.adapters.aws.rows import item_of, job_key, job_of, number, place_of
from pilotlight.adapters.aws.tables import (
    CALLER,
    DUE,
    HOLDER,
    NEWEST,
    READY,
    RUNNING,
    WEBHOOK,
)
from pilotlight.contracts.group import portion
from pilotlight.contracts.job import HELD
from pilotlight.errors import IllegalTransition, Unavailable
from pilotlight.ports.store import MOST_AHEAD, Created, Load

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from pilotlight.adapters.aws.calls import Calls
    from pilotlight.adapters.aws.queries import Found
    from pilotlight.adapters.aws.rows import Item
    from pilotlight.adapters.aws.tables import Index
    from pilotlight.adapters.aws.texts import LongTexts
    from pilotlight.contracts.job import AttemptRecord, Job
    from pilotlight.contracts.lifecycle import Move
    from pilotlight.contracts.pages import Page, Place, Wanted


class DynamoStore:
    """``workers`` are the workers whose load is asked for: an index cannot list its partitions."""

    remote = True
    undoes = False

    def __init__(
        self, calls: Calls, table: str, texts: LongTexts, *, workers: Sequence[str]
    ) -> None:
        self._calls, self._table, self._texts = calls, table, texts
        self._workers = tuple(workers)
        self._queries = Queries(calls, table)
        self._forgetting = Forgetting(calls, table, texts)

    def create(self, jobs: Sequence[Job]) -> list[Created]:
        return [self._create(job) for job in jobs]

    def _create(self, job: Job) -> Created:
        token = secrets.token_hex(6)
        item = item_of(job, self._texts, token=token)
        if job.idempotency_key is None:
            return self._put(job, item)
        gone: str | None = None
        for _ in range(MOST_ROUNDS):
            winner = self._put_once(job, item, instead_of=gone)
            if winner == job.id:
                return Created(job, existed=False)
            first = self.get(winner)
            if first is not None:
                return Created(first, existed=True)
            gone = winner
        raise Unavailable("the first job of this idempotency key is just being forgotten")

    def _put(self, job: Job, item: Item) -> Created:
        try:
            self._calls("put_item", TableName=self._table, Item=item, **ABSENT)
        except Refused as refused:
            (known,) = refused.items
            if not (refused.doubtful and known and history.wrote(known, item["token"]["S"])):
                raise IllegalTransition(f"a job with the id {job.id} exists") from None
        return Created(job, existed=False)

    def _put_once(self, job: Job, item: Item, *, instead_of: str | None) -> str:
        """Both records or none; the id of the job that has the key, this one or an earlier."""
        own = {"Put": {"TableName": self._table, "Item": item, **ABSENT}}
        puts = [fresh.record(self._table, job, instead_of=instead_of), own]
        try:
            self._calls("transact_write_items", TransactItems=puts)
        except Refused as refused:
            known = refused.items[0]
            if known is None:
                raise IllegalTransition(f"a job with the id {job.id} exists") from None
            return known["job"]["S"]  # type: ignore[no-any-return]
        return job.id

    def harden(self) -> None:
        """Nothing to do: DynamoDB answers when three places have it."""

    def together(self) -> AbstractContextManager[None]:
        """Each write stands by itself: nothing is shared, nothing undone."""
        return contextlib.nullcontext()

    def get(self, job_id: str) -> Job | None:
        item = self._read(job_id)
        return job_of(item, self._texts) if item else None

    def _read(self, job_id: str, **more: Any) -> Item | None:
        key = job_key(job_id)
        answer = self._calls(
            "get_item", TableName=self._table, Key=key, ConsistentRead=True, **more
        )
        return answer.get("Item")

    def move(self, job_id: str, move: Move) -> Job | None:
        token = secrets.token_hex(6)
        try:
            item = self._update(job_id, move, token)
        except TooLarge:
            # The history has eaten up the item: better to forget the old than to stop the job.
            item = self._update(job_id, move, token, anew=True)
        return job_of(item, self._texts) if item else None

    def _update(self, job_id: str, move: Move, token: str, *, anew: bool = False) -> Item | None:
        """The row afterwards if this write changed it."""
        request = expressions.update(
            move,
            write_text=lambda text: self._texts.write(job_id, text),
            event=history.event(move, job_id, self._texts, token=token),
            token=token,
            anew=anew,
        )
        if request is None:
            return None
        try:
            answer = self._calls(
                "update_item",
                TableName=self._table,
                Key=job_key(job_id),
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **request,
            )
        except Refused as refused:
            (item,) = refused.items
            return item if refused.doubtful and item and history.wrote(item, token) else None
        changed: Item = answer["Attributes"]
        return changed

    def due(self, *, now: float, limit: int = 100) -> list[Job]:
        jobs = self._before(DUE, now, limit)
        due = (job for job in jobs if job.due_at is not None and job.due_at <= now)
        return portion(due, limit)

    def next_due(self) -> float | None:
        return self._first(DUE)

    def held_by(self, owner: str) -> list[Job]:
        jobs = self._jobs(self._queries.walk(Range(HOLDER, owner), page=100))
        return [job for job in jobs if job.owner == owner and job.status in HELD]

    def webhooks_due(self, *, now: float, limit: int = 100) -> list[Job]:
        jobs = self._before(WEBHOOK, now, limit)
        return [job for job in jobs if job.webhook_due is not None and job.webhook_due <= now]

    def next_webhook_due(self) -> float | None:
        return self._first(WEBHOOK)

    def load(self, *, now: float) -> dict[str, Load]:
        loads = {worker: self._load(worker, now) for worker in self._workers}
        return {worker: load for worker, load in loads.items() if load != Load()}

    def _load(self, worker: str, now: float) -> Load:
        running = self._queries.count(Range(RUNNING, worker))
        queued = self.queued(worker, now=now)
        return Load(queued, running, self._oldest(worker, now) if queued else None)

    def queued(self, worker: str, *, now: float, most: int | None = None) -> int:
        return self._queries.count(
            Range(READY, worker),
            most=most,
            FilterExpression="not_before <= :now",
            ExpressionAttributeValues={":now": number(now)},
        )

    def waiting(self) -> dict[str, int]:
        spans = (Range(READY, worker) for worker in self._workers)
        found = (entry for span in spans for entry in self._queries.walk(span, page=1000))
        return dict(Counter(entry.item["caller"]["S"] for entry in found))

    def _oldest(self, worker: str, now: float) -> float | None:
        """Since when the first one could have been leased, by the first rows of each priority."""
        oldest: float | None = None
        behind = "#"  # comes before any digit
        while behind:
            entries = self._queries.walk(Range(READY, worker, ">", {"S": behind}), page=10)
            behind = ""
            for entry in entries:
                priority, created_at, _ = entry.sort.split("#", 2)
                behind = f"{priority}$"  # the character after "#": behind all of this priority
                if oldest is not None and float(created_at) >= oldest:
                    break
                not_before = float(entry.item["not_before"]["N"])
                if not_before <= now:
                    since = max(float(created_at), not_before)
                    oldest = since if oldest is None else min(oldest, since)
        return oldest

    def ahead_of(self, job: Job) -> int:
        span = Range(READY, job.worker, "<", {"S": place_of(job)})
        return self._queries.count(span, most=MOST_AHEAD)

    def attempts_of(self, job_id: str) -> list[AttemptRecord]:
        item = self._read(
            job_id,
            ProjectionExpression="#history, #fence, #error",
            ExpressionAttributeNames={f"#{n}": n for n in (history.COLUMN, "fence", "error")},
        )
        return list(history.attempts(item, job_id, self._texts)) if item else []

    def list_jobs(
        self, *, caller: str | None = None, limit: int = 50, webhooks_only: bool = False
    ) -> list[Job]:
        if caller is None:
            found = self._queries.all_shards(NEWEST, newest=True, page=limit)
        else:
            found = self._queries.walk(Range(CALLER, caller), newest=True, page=limit)
        wanted = (entry for entry in found if "webhook" in entry.item or not webhooks_only)
        return list(islice(self._jobs(wanted, batch=min(limit, BATCH)), limit))

    def page(
        self, wanted: Wanted, *, caller: str, after: Place | None = None, limit: int = 50
    ) -> Page:
        return listing.page(
            self._queries, self._texts, wanted, caller=caller, after=after, limit=limit
        )

    def every(self) -> Iterator[Job]:
        return self._jobs(self._queries.all_shards(NEWEST, newest=True, page=BATCH))

    def purge(self, *, now: float, limit: int = 500) -> list[Job]:
        return portion(self._forgotten(now, limit), limit)

    def _forgotten(self, now: float, limit: int) -> Iterator[Job]:
        for item in self._queries.rows(self._forgetting.candidates(now=now, limit=limit)):
            job = job_of(item, self._texts)
            if self._forgetting.forget(job, item, now=now):
                yield job

    def _before(self, index: Index, now: float, limit: int) -> Iterator[Job]:
        found = self._queries.all_shards(index, "<=", number(now), newest=False, page=limit)
        return self._jobs(islice(found, limit))

    def _first(self, index: Index) -> float | None:
        found = next(self._queries.all_shards(index, newest=False, page=1), None)
        return None if found is None else float(found.sort)

    def _jobs(self, found: Iterator[Found], *, batch: int = BATCH) -> Iterator[Job]:
        rows = self._queries.rows(found, batch=batch)
        return (job_of(item, self._texts) for item in rows)
