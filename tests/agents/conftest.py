from __future__ import annotations

import pytest

from pilotlight import catalogue


@pytest.fixture(scope="session")
def models():
    return catalogue.discover(["tests.agents.models"])
