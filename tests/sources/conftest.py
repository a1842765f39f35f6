from __future__ import annotations

import pytest

from pilotlight import bootstrap
from pilotlight.settings import Settings


@pytest.fixture
def services(tmp_path, clock):
    made = bootstrap.services(Settings(data=tmp_path / "data"), clock=clock)
    yield made
    made.close()
