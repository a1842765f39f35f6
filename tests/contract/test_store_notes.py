"""What an attempt keeps for later ones: every store keeps it, and only for the row's holder."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pilotlight.contracts import lifecycle, moves
from pilotlight.contracts.job import JobError

LEASE = {"lease_s": 60, "margin_s": 10}


@pytest.fixture
def held(store, make_job, clock):
    (created,) = store.create([make_job()])
    return store.move(created.job.id, moves.lease(owner="r1", now=clock.now(), **LEASE))


def test_a_note_survives_the_attempt_and_the_next_lease(store, held, clock):
    assert held.note is None
    noted = store.move(held.id, moves.note(held, text='{"id":"abc"}'))
    assert noted == lifecycle.apply(moves.note(held, text='{"id":"abc"}'), held)

    error = JobError("replica_failure", "it died", 503)
    store.move(held.id, moves.retry(noted, not_before=clock.now(), error=error))
    again = store.move(held.id, moves.lease(owner="r2", now=clock.now(), **LEASE))

    assert again.note == '{"id":"abc"}'
    assert store.move(held.id, moves.note(again, text=None)).note is None


def test_only_the_holder_may_note(store, held, clock):
    stale = replace(held, fence=held.fence - 1)
    assert store.move(held.id, moves.note(stale, text="stale")) is None
    store.move(held.id, moves.lost(held, now=clock.now()))
    assert store.move(held.id, moves.note(held, text="late")) is None

    assert store.get(held.id).note is None


def test_a_job_that_is_over_takes_no_note(store, held, clock):
    store.move(held.id, moves.cancel(held, now=clock.now()))

    assert store.move(held.id, moves.note(replace(held, fence=held.fence + 1), text="x")) is None
