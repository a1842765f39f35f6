"""What every store of groups must do; run against every adapter, beside its job store."""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass
from typing import Any

import pytest

from pilotlight.adapters.aws.groups import DynamoGroups, _parts
from pilotlight.adapters.aws.rows import job_key
from pilotlight.adapters.aws.store import DynamoStore
from pilotlight.adapters.local.groups import SqliteGroups
from pilotlight.adapters.local.store import SqliteStore
from pilotlight.contracts import group, moves
from pilotlight.contracts.group import NO_WORKER, Tally, member_id
from pilotlight.contracts.job import JobError, JobStatus
from tests.contract.conftest import WORKERS

ERROR = JobError("worker_error", "it broke")
LEASE = {"lease_s": 60, "margin_s": 10}


@dataclass
class House:
    store: Any
    groups: Any


@pytest.fixture(params=["sqlite", "moto", "ministack"])
def house(request):
    if request.param == "sqlite":
        database = request.getfixturevalue("database")
        return House(SqliteStore(database), SqliteGroups(database))
    stage = request.getfixturevalue(request.param)
    store = DynamoStore(stage.calls, stage.table, stage.texts, workers=WORKERS)
    groups = DynamoGroups(stage.calls, stage.table, stage.texts)
    return House(store, groups)


@pytest.fixture
def make_head(make_job, clock):
    def make(**changes):
        group_id = str(uuid.uuid4())
        facts = {"status": JobStatus.WAITING, "worker": NO_WORKER, "group_due": clock.now()}
        return make_job(id=group_id, group_id=group_id, **(facts | changes))

    return make


@pytest.fixture
def make_members(make_job):
    def make(head, *keys, **changes):
        return [
            make_job(id=member_id(head.id, key), group_id=head.id, member=key, **changes)
            for key in keys
        ]

    return make


@pytest.fixture
def opened(house, make_head):
    head = make_head()
    assert house.groups.open(head).job == head
    return head


def cancelled(house, clock, *jobs):
    return [house.store.move(job.id, moves.cancel(job, now=clock.now())) for job in jobs]


def test_an_opened_group_is_a_job_with_an_empty_tally(house, opened):
    assert house.store.get(opened.id) == opened
    assert house.groups.tally(opened.id) == Tally(group_id=opened.id)
    assert house.groups.tally("nobody") is None


def test_one_idempotency_key_opens_one_group(house, make_head):
    first, second = make_head(idempotency_key="k"), make_head(idempotency_key="k")

    outcome = [house.groups.open(first), house.groups.open(second)]

    assert [(made.job.id, made.existed) for made in outcome] == [
        (first.id, False),
        (first.id, True),
    ]
    assert house.store.get(second.id) is house.groups.tally(second.id) is None


def test_a_key_whose_group_dynamodb_swept_by_itself_opens_a_group_again(aws, make_head):
    groups = DynamoGroups(aws.calls, aws.table, aws.texts)
    first, second, third = (make_head(idempotency_key="k") for _ in range(3))
    groups.open(first)
    aws.account.other.delete_item(TableName=aws.table, Key=job_key(first.id))

    assert [(one.job, one.existed) for one in map(groups.open, (second, third))] == [
        (second, False),
        (second, True),
    ]


def test_many_members_with_long_texts_are_less_than_a_transaction_takes(moto, make_head, make_job):
    """Inputs and options that fit into an item each, and together into no transaction."""
    groups = DynamoGroups(moto.calls, moto.table, moto.texts)
    groups.open(head := make_head())
    sizes = []
    events = moto.account.dynamodb.meta.events
    events.register(
        "before-send.dynamodb.TransactWriteItems", lambda request, **_: sizes.append(request.body)
    )
    text = '"' + "x" * 30_000 + '"'
    members = [
        make_job(id=member_id(head.id, key), group_id=head.id, member=key, input=text, options=text)
        for key in map(str, range(groups.chunk))
    ]
    tally = groups.add(groups.tally(head.id), members, cursor="all")

    assert tally.total == groups.chunk
    assert max(map(len, sizes)) < 4 * 1024 * 1024
    assert {job.input for job in groups.members(head.id)} == {text}


def test_members_total_and_cursor_are_one_write(house, opened, make_members):
    tally = house.groups.tally(opened.id)
    members = make_members(opened, "1", "2")

    after = house.groups.add(tally, members, cursor="2")

    assert after == Tally(group_id=opened.id, total=2, cursor="2")
    assert house.groups.add(tally, make_members(opened, "9"), cursor="9") is None
    assert [job.member for job in house.groups.members(opened.id)] == ["1", "2"]
    last = house.groups.add(after, make_members(opened, "3"), cursor="3", sealed=True)
    assert (last.total, last.sealed) == (3, True)
    assert house.groups.add(last, make_members(opened, "4"), cursor="4") is None
    assert [house.store.get(job.id) for job in members] == members


def test_a_sealed_group_takes_no_more(house, opened, make_members):
    tally = house.groups.tally(opened.id)

    assert house.groups.seal(opened.id).sealed
    assert house.groups.add(tally, make_members(opened, "1"), cursor="1") is None
    assert house.groups.seal("nobody") is None
    assert house.groups.seal(opened.id).is_over


def test_an_end_leaves_a_mark_and_is_counted_once(house, opened, make_members, clock):
    tally = house.groups.tally(opened.id)
    one, two = make_members(opened, "1", "2")
    tally = house.groups.add(tally, [one, two], cursor="2", sealed=True)
    house.groups.settle(opened.id, [])
    assert house.groups.next_mark() == opened.group_due
    clock.sleep(5)
    (ended,) = cancelled(house, clock, one)

    marked = {job.id: job for job in house.groups.marks(now=clock.now())}
    assert set(marked) == {opened.id, one.id}
    assert marked[one.id] == ended
    after = house.groups.settle(opened.id, [ended])
    assert (after.ended, after.cancelled, after.is_over) == (1, 1, False)
    assert house.groups.settle(opened.id, [ended]) == after
    assert [job.id for job in house.groups.marks(now=clock.now())] == [opened.id]
    assert house.groups.settle(opened.id, [ended, *cancelled(house, clock, two)]).is_over


def test_rows_with_long_texts_are_handed_out_a_few_at_a_time(
    house, opened, make_members, clock, monkeypatch
):
    """Five hundred outputs of a megabyte each are more than a Lambda's memory."""
    monkeypatch.setattr(group, "MOST_CHARS", 2500)
    keys = ["1", "2", "3", "4", "5"]
    jobs = make_members(opened, *keys, input='"' + "x" * 998 + '"')
    house.groups.add(house.groups.tally(opened.id), jobs, cursor="", sealed=True)
    house.groups.settle(opened.id, [])
    after, seen = "", []
    while page := house.groups.members(opened.id, after=after, limit=100):
        assert len(page) <= 3
        seen += [job.member for job in page]
        after = page[-1].member
    assert seen == keys

    cancelled(house, clock, *jobs)
    counted = 0
    while counted < len(keys):
        marked = [job for job in house.groups.marks(now=clock.now()) if job.id != opened.id]
        assert 1 <= len(marked) <= 3
        counted = house.groups.settle(opened.id, marked).cancelled


def test_every_way_to_end_is_counted_by_its_name(house, opened, make_members, clock):
    names = ("succeeded", "failed", "cancelled", "expired")
    jobs = make_members(opened, *names, start_by=clock.now() + 10)
    house.groups.add(house.groups.tally(opened.id), jobs, cursor="", sealed=True)
    lease = moves.lease(owner="r1", now=clock.now(), **LEASE)
    held = [house.store.move(job.id, lease) for job in jobs[:2]]
    clock.sleep(11)
    now = clock.now()
    ends = [
        house.store.move(held[0].id, moves.succeed(held[0], now=now, output="{}")),
        house.store.move(held[1].id, moves.fail(held[1], now=now, error=ERROR)),
        house.store.move(jobs[2].id, moves.cancel(jobs[2], now=now)),
        house.store.move(jobs[3].id, moves.expire(jobs[3], now=now)),
    ]

    tally = house.groups.settle(opened.id, ends)

    assert {name: getattr(tally, name) for name in names} == dict.fromkeys(names, 1)


def test_a_job_without_a_group_leaves_no_mark(house, make_job, clock):
    (created,) = house.store.create([make_job()])
    (ended,) = cancelled(house, clock, created.job)

    assert ended.group_due is None
    assert house.groups.next_mark() is None


def test_members_come_by_key_a_page_at_a_time_and_only_the_living_if_asked(
    house, opened, make_members, clock
):
    jobs = make_members(opened, "b", "c", "a", "d")
    house.groups.add(house.groups.tally(opened.id), jobs, cursor="", sealed=True)
    cancelled(house, clock, jobs[1])

    assert [job.member for job in house.groups.members(opened.id, limit=2)] == ["a", "b"]
    assert [job.member for job in house.groups.members(opened.id, after="b")] == ["c", "d"]
    assert [job.member for job in house.groups.members(opened.id, live=True)] == ["a", "b", "d"]
    assert house.groups.statuses(opened.id) == [
        (key, JobStatus.CANCELLED if key == "c" else JobStatus.ACCEPTED) for key in "abcd"
    ]


def test_ends_told_by_several_at_once_are_counted_once(house, opened, make_members, clock):
    jobs = make_members(opened, *(f"{n:03d}" for n in range(40)))
    house.groups.add(house.groups.tally(opened.id), jobs, cursor="", sealed=True)
    ended = cancelled(house, clock, *jobs)
    errors = []

    def tell(part):
        try:
            house.groups.settle(opened.id, part)
        except Exception as error:  # noqa: BLE001 - told below
            errors.append(error)

    threads = [threading.Thread(target=tell, args=(ended[n : n + 25],)) for n in (0, 5, 10, 15)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Whoever met the others' transactions too often comes again, as the steward does.
    tally = house.groups.settle(opened.id, ended)

    assert (tally.cancelled, tally.is_over) == (40, True), errors


def test_what_waits_is_released_once_however_many_ask(house, make_job, clock):
    (created,) = house.store.create([make_job(status=JobStatus.WAITING)])
    ask = {"start_by": clock.now() + 60, "due_at": clock.now() + 15}
    found = [
        house.store.move(created.job.id, moves.release(now=clock.now(), text=text, **ask))
        for text in ('{"text":"first"}', '{"text":"second"}')
    ]

    assert found[1] is None
    assert (found[0].status, found[0].input) == (JobStatus.ACCEPTED, '{"text":"first"}')
    assert house.store.load(now=clock.now())["echo"].queued == 1


def test_a_group_is_forgotten_with_its_tally(house, opened, clock):
    cancelled(house, clock, opened)
    clock.sleep(opened.keep_s + 1)

    assert [job.id for job in house.store.purge(now=clock.now())] == [opened.id]
    assert house.groups.tally(opened.id) is None


def test_marks_of_a_forgotten_group_go_all_the_same(house, opened, make_members, clock):
    jobs = make_members(opened, "1", keep_s=1e9)
    house.groups.add(house.groups.tally(opened.id), jobs, cursor="", sealed=True)
    (ended,) = cancelled(house, clock, *jobs)
    cancelled(house, clock, opened)
    clock.sleep(opened.keep_s + 1)
    house.store.purge(now=clock.now())

    assert house.groups.settle(opened.id, [ended]) is None
    assert house.store.get(ended.id).group_due is None


def test_a_transaction_holds_less_than_dynamodb_takes(make_job):
    jobs = [make_job(input="x" * 30_000, output="y" * 30_000) for _ in range(99)]
    jobs += [make_job() for _ in range(500)]

    parts = list(_parts(jobs, most=99))

    assert [job.id for part in parts for job in part] == [job.id for job in jobs]
    assert max(map(len, parts)) == 99
    for part in parts:
        assert (
            sum(len(job.input) + len(job.output or "") for job in part) < 4 * 1024 * 1024 - 200_000
        )
