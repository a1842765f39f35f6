"""Post offices for the tests of webhooks."""

from __future__ import annotations

import random
import time

import pytest

from pilotlight.adapters.local.clock import ManualClock, SystemClock
from pilotlight.adapters.local.database import Database
from pilotlight.adapters.local.secrets import FileSecrets
from pilotlight.adapters.local.store import SqliteStore
from pilotlight.adapters.web.guard import Policy
from pilotlight.adapters.web.outbound import Outbound
from pilotlight.adapters.web.poster import GuardedPoster
from pilotlight.delivery.dispatcher import Dispatcher
from pilotlight.delivery.signing import Signer
from pilotlight.settings import WebhookSettings
from tests.contract.http_servers import DEADLINE_S
from tests.journeys.post_office import PostOffice, render


@pytest.fixture
def open_office(tmp_path):
    """Make post offices on the same data folder, as several processes would be."""
    opened = []

    def make(*, clock=None, **settings) -> PostOffice:
        database = Database(tmp_path / "jobs.db")
        store, clock = SqliteStore(database), clock or ManualClock(time.time())
        signer = Signer(FileSecrets(tmp_path / "secrets"))
        webhook = WebhookSettings(**({"timeout_s": 10} | settings))
        poster = GuardedPoster(Outbound(policy=Policy(allow_loopback=True)), webhook, SystemClock())
        dispatcher = Dispatcher(
            store, poster, signer, render, clock=clock, settings=webhook, rng=random.Random(7)
        )
        opened.append((dispatcher, database))
        return PostOffice(store, signer, clock, webhook, dispatcher)

    yield make
    for dispatcher, database in opened:
        dispatcher.close(DEADLINE_S)
        database.close()


@pytest.fixture
def office(open_office):
    return open_office()
