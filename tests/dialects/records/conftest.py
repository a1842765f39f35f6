"""One stage for each file of tests of the dialects that answer with a record of the job."""

from __future__ import annotations

import pytest

from handlers.app import create_app
from pilotlight.adapters.local.clock import ManualClock
from tests.dialects.records.task_calls import WORKERS
from tests.dialects.stage import Stage, served, services_in


@pytest.fixture(scope="module")
def clock():
    return ManualClock()


@pytest.fixture(scope="module")
def stage(tmp_path_factory, clock):
    with (
        services_in(tmp_path_factory.mktemp("records"), clock, workers=WORKERS) as services,
        served(create_app(services)) as url,
    ):
        yield Stage(services, url)


@pytest.fixture(scope="module")
def client(stage):
    with stage.client() as client:
        yield client


@pytest.fixture(scope="module")
def stranger(stage):
    """Somebody with another key."""
    with stage.client("somebody else's key") as client:
        yield client
