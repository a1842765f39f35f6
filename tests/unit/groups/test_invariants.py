"""What no row of a group may show."""

from __future__ import annotations

import pytest

from pilotlight.contracts.invariants import breaches, overdue
from pilotlight.contracts.job import JobStatus

HEAD = {"id": "g", "group_id": "g", "worker": "-", "status": JobStatus.WAITING}
MEMBER = {"group_id": "g", "member": "000001"}

WRONG = {
    "a member without a place": {**MEMBER, "member": None},
    "a place without a group": {"member": "000001"},
    "a mark without a group": {"group_due": 1.0},
    "a mark before the end": {**MEMBER, "group_due": 1.0},
    "a group that nobody looks after": HEAD,
    "a group that was run": {**HEAD, "group_due": 1.0, "attempts": 1},
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_seen(make_job, name):
    assert {one.rule for one in breaches(make_job(**WRONG[name]), ())} == {"I11"}


@pytest.mark.parametrize("facts", [MEMBER, {**HEAD, "group_due": 1.0}, {}])
def test_what_is_right_is_left_alone(make_job, facts):
    assert breaches(make_job(**facts), ()) == []


def test_a_mark_that_nobody_takes_is_overdue(make_job, clock):
    job = make_job(**HEAD, group_due=clock.now(), due_at=clock.now() + 1e6)

    assert overdue(job, now=clock.now() + 100) == []
    assert [one.rule for one in overdue(job, now=clock.now() + 200)] == ["I11"]
