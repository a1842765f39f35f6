"""Stewards that are killed at any call, and two that look at once: each member and end counts once."""

from __future__ import annotations

import itertools
import threading

import pytest

from pilotlight.adapters.local.clock import ManualClock
from pilotlight.adapters.local.database import Database
from pilotlight.adapters.local.store import SqliteStore
from pilotlight.contracts.job import READY, JobStatus

CALLS = [
    (owner, name)
    for owner, names in {
        "groups": ("settle", "add", "marks", "next_mark"),
        "store": ("get", "move"),
        "kind": ("more", "advance", "finish"),
    }.items()
    for name in names
]


class Crash(BaseException):
    """As a kill: nothing catches it."""


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(("owner", "name"), CALLS)
def test_a_steward_killed_at_any_call_leaves_nothing_undone(build, owner, name, moment):
    """For each call that it makes, in turn: it dies there, and another one goes on."""
    for victim in itertools.count():
        house = build(size=3, gate=True)
        fell = threading.Event()
        target = getattr(house, owner)
        real, count = getattr(target, name), itertools.count()

        def dying(*args, real=real, count=count, fell=fell, victim=victim, **kwargs):
            if next(count) != victim:
                return real(*args, **kwargs)
            fell.set()
            if moment == "after":
                real(*args, **kwargs)
            raise Crash

        head = house.open(webhook="https://example.org/hook")
        setattr(target, name, dying)
        live_through(house, head)
        setattr(target, name, real)
        check(house, head)
        if not fell.is_set():
            assert victim > 0
            return


def live_through(house, head):
    """As the house does: steward after steward, and a replica that is not touched by the fault."""
    sound = SqliteStore(house.database)
    for _ in range(40):
        try:
            house.look()
        except Crash:
            house.steward = house.another_steward()
            continue
        for job in house.members(head):
            if job.status in READY:
                house.run(job, store=sound)
        house.clock.sleep(6)
        row = sound.get(head.id)
        if row.status.is_terminal and row.group_due is None:
            return


def check(house, head):
    row = house.store.get(head.id)
    assert (row.status, row.output) == (JobStatus.SUCCEEDED, '{"total":4}')
    assert row.group_due is None
    tally = house.groups.tally(head.id)
    assert (tally.total, tally.succeeded) == (4, 4)
    assert len(house.members(head)) == 4
    assert all(len(house.store.attempts_of(job.id)) == 1 for job in house.members(head))


def test_fan_in_starts_once_when_the_last_two_end_together(build):
    """Reliability 3.1, row 58; at its full size in the slow test below."""
    fan_in(build, children=20, times=100)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_fan_in_of_500_starts_once_a_thousand_times(build):
    fan_in(build, children=500, times=1000)


def fan_in(build, *, children, times):
    """Two replicas end the last two children at one barrier, and two stewards look at once."""
    house = build(size=children, gate=True)
    house.clock = house.kind.clock = ManualClock()
    other = Database(house.database._path)
    try:
        starts = 0
        for _ in range(times):
            head = house.open()
            house.look()
            *rest, first, second, gate = house.members(head)
            with house.store.together():
                for job in rest:
                    house.run(job)
            house.look()
            assert house.store.get(gate.id).status is JobStatus.WAITING
            together(house, other, first, second)
            house.look()
            row = house.store.get(gate.id)
            assert row.status is JobStatus.ACCEPTED
            starts += 1
            assert house.kind.released.count(head.id) == 1
            assert house.run(row).status is JobStatus.SUCCEEDED
            house.look()
            assert house.store.get(head.id).status is JobStatus.SUCCEEDED
        assert starts == len(house.kind.released) == times
    finally:
        other.close()


def together(house, other, first, second):
    barrier = threading.Barrier(2)
    stewards = (house.steward, house.another_steward())
    stores = (house.store, SqliteStore(other))
    trouble = []

    def play(job, store, steward):
        try:
            barrier.wait(30)
            house.run(job, store=store)
            steward(house.clock.now())
        except Exception as error:  # noqa: BLE001 - told below
            trouble.append(error)

    threads = [
        threading.Thread(target=play, args=args)
        for args in zip((first, second), stores, stewards, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not trouble
