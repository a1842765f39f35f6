"""A local fleet of stand-ins on a data folder."""

from __future__ import annotations

import pytest

from pilotlight.adapters.local.clock import SystemClock
from pilotlight.adapters.local.fleet import LocalFleet
from pilotlight.adapters.local.replicas import ReplicaRows
from pilotlight.adapters.local.roster import SqliteRoster
from pilotlight.adapters.local.store import SqliteStore
from pilotlight.settings import ReplicaSettings, Settings
from tests.contract.local_fleet.stand_ins import COMMAND, SPECS


@pytest.fixture
def settings(tmp_path):
    return Settings(data=tmp_path, replica=ReplicaSettings(grace_s=2))


@pytest.fixture
def store(database):
    return SqliteStore(database)


@pytest.fixture
def roster(database):
    return SqliteRoster(database)


@pytest.fixture
def make_fleet(database, settings):
    made = []

    def make(clock=None, command=COMMAND):
        fleet = LocalFleet(
            ReplicaRows(database),
            settings=settings,
            specs=SPECS,
            clock=clock or SystemClock(),
            command=command,
        )
        made.append(fleet)
        return fleet

    yield make
    for fleet in made:
        fleet.hurry.set()
        fleet.stop_all(0)


@pytest.fixture
def fleet(make_fleet):
    return make_fleet()
