"""One stage for each file of tests of ``/v1/tasks``."""

from __future__ import annotations

import pytest

from handlers.app import create_app
from pilotlight.adapters.local.clock import ManualClock
from tests.dialects.stage import Stage, served, services_in
from tests.dialects.task_types.calls import WORKERS


@pytest.fixture(scope="module")
def clock():
    return ManualClock()


@pytest.fixture(scope="module")
def stage(tmp_path_factory, clock):
    with (
        services_in(tmp_path_factory.mktemp("tasks"), clock, workers=WORKERS) as services,
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
