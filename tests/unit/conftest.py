from __future__ import annotations

import pytest

from pilotlight import bootstrap
from pilotlight.intake.submission import Submission
from pilotlight.settings import Settings


@pytest.fixture
def house(tmp_path, clock):
    """The whole ingress side on a data folder of its own; no replica runs."""
    settings = Settings(data=tmp_path / "data", workers=("workers", "tests.probes"))
    services = bootstrap.services(settings, clock=clock)
    yield services
    services.close()


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
