"""The steward on SQLite: members are added and counted once, groups are ended once."""

from __future__ import annotations

import pytest

from pilotlight.contracts import moves
from pilotlight.contracts.job import Job, JobStatus
from pilotlight.intake.groups.steward import MOST_OPEN
from tests.unit.groups.house import LEASE


def test_a_group_runs_from_its_opening_to_its_announcement(build):
    house = build(size=3)
    head = house.open(webhook="https://example.org/hook")
    house.look()
    assert house.quiet.lit == ["echo"]

    for job in house.members(head):
        house.run(job)
    assert house.look() is None

    row = house.store.get(head.id)
    assert (row.status, row.output) == (JobStatus.SUCCEEDED, '{"total":3}')
    assert [due.id for due in house.store.webhooks_due(now=house.clock.now())] == [head.id]
    assert house.groups.tally(head.id).succeeded == 3
    assert not house.steward.busy


def test_a_group_without_members_is_over_at_once(build):
    house = build(size=0)
    head = house.open()

    assert house.look() is None
    assert house.store.get(head.id).status is JobStatus.SUCCEEDED


def test_a_kind_may_say_that_the_group_failed(build):
    house = build(size=2)
    head = house.open()
    house.look()
    first, second = house.members(head)
    house.run(first, well=False)
    house.run(second)

    assert house.look() is None
    row = house.store.get(head.id)
    assert row.status is JobStatus.FAILED
    assert "1 failed" in row.error


def test_members_are_added_as_others_end_and_each_once(build):
    size = MOST_OPEN + 700
    house = build(size=size)
    head = house.open()
    house.look()
    assert MOST_OPEN <= len(house.members(head)) < MOST_OPEN + house.groups.chunk

    seen = set()
    while live := house.groups.members(head.id, limit=10_000, live=True):
        with house.store.together():
            for job in live:
                assert job.id not in seen
                seen.add(job.id)
                house.run(job)
        house.look()

    assert len(seen) == size
    assert house.store.get(head.id).output == f'{{"total":{size}}}'


class Killed(BaseException):
    """The process ends here: nothing of it is caught."""


def test_a_group_that_is_being_ended_is_left_alone_for_a_while_and_then_ended_by_others(build):
    """What 50,000 lines came to is written for minutes; the next minute's process comes meanwhile."""
    house = build(size=2)
    head = house.open()
    house.look()
    for job in house.members(head):
        house.run(job)
    other, asked = house.another_steward(), []
    for one in (house.steward, other):
        one.ending_s = 300

    def looked_at_meanwhile_and_killed(*_):
        asked.append(head.id)
        house.clock.sleep(60)
        other(house.clock.now())
        raise Killed

    finish, house.kind.finish = house.kind.finish, looked_at_meanwhile_and_killed
    with pytest.raises(Killed):
        house.steward(house.clock.now())
    assert asked == [head.id]
    house.kind.finish = finish

    house.clock.sleep(239)
    other(house.clock.now())
    assert not house.store.get(head.id).status.is_terminal
    house.clock.sleep(2)
    other(house.clock.now())
    assert house.store.get(head.id).status is JobStatus.SUCCEEDED


@pytest.mark.parametrize("ends", ["cancel", "expire"])
def test_a_group_that_ends_early_takes_its_members_with_it(build, ends):
    house = build(size=5)
    head = house.open(expires_s=100)
    house.look()
    done, held, *_ = house.members(head)
    house.run(done)
    house.store.move(held.id, moves.lease(owner="r1", now=house.clock.now(), **LEASE))
    house.clock.sleep(100)
    end = moves.cancel if ends == "cancel" else moves.expire
    house.store.move(head.id, end(head, now=house.clock.now()))

    house.look()
    house.clock.sleep(1)
    assert house.look() is None

    statuses = [job.status for job in house.members(head)]
    assert statuses == [JobStatus.SUCCEEDED, *[JobStatus.CANCELLED] * 4]
    assert house.quiet.poked == [held.id]
    assert house.groups.tally(head.id).is_over
    assert house.kind.wound_up == [(house.store.get(head.id).status, 5)]


def test_a_cancelled_group_gets_no_more_members(build):
    house = build(size=MOST_OPEN + 500)
    head = house.open()
    house.look()
    house.store.move(head.id, moves.cancel(head, now=house.clock.now()))
    house.look()
    house.clock.sleep(1)

    assert house.look() is None
    tally = house.groups.tally(head.id)
    assert tally.sealed
    assert tally.cancelled == tally.total < MOST_OPEN + 500


def test_one_group_that_cannot_be_looked_after_does_not_stop_another(build):
    house = build(size=1)
    bad, good = house.open(), house.open()
    finish, house.kind.finish = house.kind.finish, None

    def picky(head, tally):
        if head.id == bad.id:
            raise ZeroDivisionError
        return finish(head, tally)

    house.kind.finish = picky
    house.look()
    for head in (bad, good):
        house.run(house.members(head)[0])
    again_at = house.look()

    assert house.store.get(good.id).status is JobStatus.SUCCEEDED
    assert house.store.get(bad.id).status is JobStatus.WAITING
    assert house.clock.now() < again_at <= house.clock.now() + 60
    house.kind.finish = finish
    house.clock.sleep(60)
    assert house.look() is None
    assert house.store.get(bad.id).status is JobStatus.SUCCEEDED


def test_a_job_without_a_group_is_no_business_of_the_steward(build, make_job):
    house = build(size=1)
    assert house.look() is None
    (created,) = house.store.create([make_job()])
    house.run(created.job)

    assert house.look() is None
    assert isinstance(house.store.get(created.job.id), Job)
    assert not house.steward.busy
