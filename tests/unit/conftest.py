from __future__ import annotations

import pytest
from typer.testing import CliRunner

from pilotlight import bootstrap, settings
from pilotlight.cli import app
from pilotlight.intake.submission import Submission
from pilotlight.settings import Settings


@pytest.fixture
def house(tmp_path, clock):
    """The whole ingress side on a data folder of its own; no replica runs."""
    chosen = Settings(data=tmp_path / "data", workers=("workers", "tests.probes"))
    services = bootstrap.services(chosen, clock=clock)
    yield services
    services.close()


@pytest.fixture
def data(tmp_path):
    """Where an operator's commands look."""
    return tmp_path / "data"


@pytest.fixture
def run(data):
    """One of these commands."""

    def run(*words):
        return CliRunner().invoke(app, [*words, "--data", str(data)])

    return run


@pytest.fixture
def services(data):
    """What they find there; no replica runs."""
    opened = bootstrap.services(settings.load(data=data))
    yield opened
    opened.close()


@pytest.fixture
def submission():
    def make(**changes):
        base = {
            "caller": "alice",
            "endpoint": "pilotlight/echo",
            "body": b'{"text":"hi"}',
            "origin": "fal",
        }
        return Submission(**(base | changes))

    return make
