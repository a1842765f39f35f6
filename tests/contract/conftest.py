"""One fixture per port, parametrised over its adapters. A new adapter adds one line here."""

from __future__ import annotations

import pytest

from pilotlight.adapters.local.database import Database
from pilotlight.adapters.local.feed import SqliteFeed
from pilotlight.adapters.local.keys import SqliteKeys
from pilotlight.adapters.local.store import SqliteStore


@pytest.fixture
def database(tmp_path):
    opened = Database(tmp_path / "jobs.db")
    yield opened
    opened.close()


def sqlite_store(request):
    return SqliteStore(request.getfixturevalue("database"))


def sqlite_feed(request):
    return SqliteFeed(request.getfixturevalue("database"))


def sqlite_keys(request):
    return SqliteKeys(request.getfixturevalue("database"))


@pytest.fixture(params=[sqlite_store], ids=lambda make: make.__name__)
def store(request):
    return request.param(request)


@pytest.fixture(params=[sqlite_feed], ids=lambda make: make.__name__)
def feed(request):
    return request.param(request)


@pytest.fixture(params=[sqlite_keys], ids=lambda make: make.__name__)
def keys(request):
    return request.param(request)
