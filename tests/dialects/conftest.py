from __future__ import annotations

import pytest

from handlers.app import create_app
from tests.dialects.stage import Stage, served, services_in


@pytest.fixture
def stage(tmp_path, clock):
    with services_in(tmp_path, clock) as services, served(create_app(services)) as url:
        yield Stage(services, url)


@pytest.fixture
def client(stage):
    with stage.client() as client:
        yield client


@pytest.fixture
def stranger(stage):
    """Somebody with another key."""
    with stage.client("somebody else's key") as client:
        yield client


@pytest.fixture
def anybody(stage):
    """Somebody without a key."""
    with stage.client(None) as client:
        yield client


@pytest.fixture
def openai_stage(tmp_path, clock):
    """With endpoints of every task type that OpenAI's callers have words for."""
    workers = ("tests.workers.standins", "tests.dialects.stock")
    with (
        services_in(tmp_path, clock, workers=workers) as services,
        served(create_app(services)) as url,
    ):
        yield Stage(services, url)


@pytest.fixture
def openai_client(openai_stage):
    with openai_stage.client() as client:
        yield client
