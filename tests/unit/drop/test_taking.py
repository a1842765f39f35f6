"""What is taken from a drop folder and when."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pilotlight import bootstrap
from pilotlight.intake.drop import settling, taking
from pilotlight.settings import load
from tests.unit.drop.house import ECHO, House


def test_a_file_is_taken_when_it_has_not_changed_for_the_settle_time(house):
    path = house.put(f"{ECHO}/a.json")
    house.drops.step()
    house.clock.sleep(1.5)
    path.write_text('{"text": "longer than before"}')
    house.drops.step()
    house.clock.sleep(1.5)
    house.drops.step()
    assert house.jobs() == []

    house.clock.sleep(1)
    house.drops.step()

    (job,) = house.jobs()
    assert json.loads(job.input) == {"text": "longer than before"}


def test_a_file_that_was_taken_is_not_taken_again_by_whoever_looks(house, tmp_path, clock):
    house.put(f"{ECHO}/a.json")
    house.look(4)
    house.run(house.jobs()[0])
    house.look(2)
    house.store.purge(now=clock.now() + 90 * 24 * 3600)

    again = bootstrap.services(load(data=tmp_path, workers=("workers",)), clock=clock)
    try:
        other = House(again, tmp_path, clock)
        other.look(4)
        assert other.jobs() == []
    finally:
        again.close()


class Full:
    """A folder with no room for what one of its files comes to."""

    def __init__(self, folder, poison):
        self._folder, self._poison, self.asked = folder, poison, 0

    def __getattr__(self, name):
        return getattr(self._folder, name)

    def read(self, dropped):
        if dropped.key == self._poison:
            self.asked += 1
            raise OSError("No space left on device")
        return self._folder.read(dropped)


def test_a_file_that_cannot_be_taken_keeps_none_of_the_others_back(house):
    for name in ("a", "poison", "z"):
        house.put(f"{ECHO}/{name}.json")
    full = Full(house.drops.folder, f"{ECHO}/poison.json")
    house.drops.taking.wishes.shaping = replace(house.drops.taking.wishes.shaping, folder=full)
    house.look(4)
    assert sorted(json.loads(job.input)["text"] for job in house.jobs()) == [
        f"{ECHO}/a.json", f"{ECHO}/z.json",
    ]  # fmt: skip

    tried = full.asked
    house.look(4)
    assert full.asked == tried  # not each second
    house.drops.taking.wishes.shaping = replace(
        house.drops.taking.wishes.shaping, folder=house.drops.folder
    )
    house.look(30)
    assert len(house.jobs()) == 3


def test_files_that_are_renamed_before_they_settle_are_forgotten(house, monkeypatch):
    """A program that writes under another name first, for ever: it must not fill the memory of
    what is being watched, in which nothing else would have room."""
    monkeypatch.setattr(settling, "MOST_WATCHED", 5)
    for n in range(12):
        house.put(f"{ECHO}/{n}.json.upload").rename(house.drop / f"{ECHO}/{n}.upload")
        house.look(1)
        (house.drop / f"{ECHO}/{n}.upload").rename(house.drop / f"{ECHO}/{n}.json")
        house.look(2)

    assert len(house.jobs()) == 12
    assert house.drops.taking.unsettled == 0


class Killed(BaseException):
    """As a Lambda is whose time is over: nothing of ours catches it."""


class Slow:
    """A folder whose films take so long that whoever copies them lives for a few only."""

    def __init__(self, folder, lives_for):
        self._folder, self._left = folder, lives_for

    def __getattr__(self, name):
        return getattr(self._folder, name)

    def read(self, dropped):
        self._left -= 1
        if self._left < 0:
            raise Killed
        return self._folder.read(dropped)


def test_whoever_dies_in_the_middle_of_many_films_has_taken_those_before(house, monkeypatch):
    """Ten at a time, of gigabytes each: none would ever be done with if only all of them counted."""
    monkeypatch.setattr(taking, "MOST_COPIED", 1)
    keys = [f"{ECHO}/{n}.json" for n in range(10)]
    for key in keys:
        house.put(key)
    shaping = house.drops.taking.wishes.shaping
    house.drops.taking.wishes.shaping = replace(shaping, folder=Slow(house.drops.folder, 4))
    with pytest.raises(Killed):
        house.drops.taking(map(house.drops.folder.look, keys), room=100, settled=True)

    assert len(house.jobs()) == 4
    house.drops.taking.wishes.shaping = replace(shaping, folder=Slow(house.drops.folder, 6))
    house.drops.taking(map(house.drops.folder.look, keys), room=100, settled=True)
    assert len(house.jobs()) == 10


def test_a_listing_copies_so_much_and_leaves_the_rest_to_the_next(house, monkeypatch):
    monkeypatch.setattr(taking, "MOST_COPIED", 1)
    monkeypatch.setattr(taking, "MOST_LISTED", 100)
    for n in range(10):
        house.put(f"{ECHO}/{n}.json", {"text": "x" * 39})

    house.look(3)
    assert len(house.jobs()) == 2 * 2
    house.look(4)

    assert len(house.jobs()) == 10


class Asked:
    """A ledger that says how many versions it was asked for."""

    def __init__(self, ledger):
        self._ledger, self.count = ledger, 0

    def __getattr__(self, name):
        return getattr(self._ledger, name)

    def known(self, ids):
        self.count += len(ids)
        return self._ledger.known(ids)


def test_the_ledger_is_asked_once_for_what_lies_there_for_a_month(house):
    for n in range(20):
        house.put(f"{ECHO}/{n}.json")
    house.look(4)
    house.drops.taking.ledger = ledger = Asked(house.drops.taking.ledger)

    house.look(10)

    assert ledger.count <= 20
    assert len(house.jobs()) == 20
