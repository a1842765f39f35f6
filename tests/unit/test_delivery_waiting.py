"""Rows of busy hosts, remembered so that they can be called forward."""

import pytest

from pilotlight.delivery import waiting
from pilotlight.delivery.hosts import Hosts
from pilotlight.delivery.waiting import Waiting
from pilotlight.settings import WebhookSettings

NOW = 1_900_000_000.0


@pytest.fixture
def rows():
    return Waiting()


def ids(found):
    return [row.job_id for row in found]


def test_rows_come_forward_in_the_order_of_their_turns_and_as_many_as_fit(rows, make_job):
    jobs = [make_job() for _ in range(5)]
    for number, job in enumerate(jobs):
        rows.add("a", job, due_at=NOW + 1 + number)

    assert ids(rows.forward("a", room=2, now=NOW)) == [job.id for job in jobs[:2]]
    assert ids(rows.forward("a", room=9, now=NOW)) == [job.id for job in jobs[2:]]
    assert "a" not in rows
    assert len(rows) == 0


def test_a_row_put_off_again_is_the_last(rows, make_job):
    first, second = make_job(), make_job()
    for job in (first, second, first):
        rows.add("a", job, due_at=NOW + 10)

    assert ids(rows.forward("a", room=9, now=NOW)) == [second.id, first.id]


def test_a_row_that_is_due_soon_comes_by_itself_and_takes_its_place(rows, make_job):
    near, far = make_job(), make_job()
    rows.add("a", near, due_at=NOW + waiting.SOON_S)
    rows.add("a", far, due_at=NOW + 9)

    assert ids(rows.forward("a", room=1, now=NOW)) == []
    assert ids(rows.forward("a", room=1, now=NOW)) == [far.id]


def test_rows_whose_turn_has_come_already_keep_none_behind_them_from_being_called(rows, make_job):
    past, far = [make_job() for _ in range(5)], make_job()
    for job in past:
        rows.add("a", job, due_at=NOW - 1)
    rows.add("a", far, due_at=NOW + 9)

    assert ids(rows.forward("a", room=1, now=NOW)) == [far.id]
    assert len(rows) == 0


def test_one_host_calls_nobody_elses_rows(rows, make_job):
    rows.add("a", make_job(), due_at=NOW + 9)

    assert rows.forward("b", room=9, now=NOW) == []
    assert rows.forward("a", room=0, now=NOW) == []
    assert len(rows) == 1


def test_a_row_that_was_begun_waits_no_longer(rows, make_job):
    job = make_job()
    rows.add("a", job, due_at=NOW + 9)
    rows.drop("a", job.id)
    rows.drop("a", job.id)

    assert (len(rows), "a" in rows) == (0, False)


def test_what_is_remembered_is_bounded(rows, make_job, monkeypatch):
    monkeypatch.setattr(waiting, "MOST", 3)
    for number in range(5):
        rows.add(f"host-{number}", make_job(), due_at=NOW + 9)

    assert len(rows) == 3


def test_a_host_has_room_for_what_it_is_not_busy_with():
    hosts = Hosts(WebhookSettings(per_host=4))
    assert hosts.room("nobody") == 0
    hosts.turn("a", now=NOW, free=64)
    assert hosts.room("a") == 3


def test_a_host_behind_an_open_circuit_has_no_room():
    hosts = Hosts(WebhookSettings(per_host=4))
    for _ in range(WebhookSettings().circuit_failures):
        hosts.turn("a", now=NOW, free=64)
        hosts.ended("a", now=NOW, took_s=1, succeeded=False)

    assert hosts.room("a") == 0


def test_once_none_waits_the_next_turn_is_near_again():
    hosts = Hosts(WebhookSettings(per_host=1))
    hosts.turn("a", now=NOW, free=64)
    for _ in range(500):
        far = hosts.turn("a", now=NOW, free=64)
    hosts.caught_up("a")

    assert hosts.turn("a", now=NOW, free=64) < NOW + 1 < far
