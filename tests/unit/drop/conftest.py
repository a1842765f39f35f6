from __future__ import annotations

import pytest

from tests.dialects.stage import services_in
from tests.unit.drop.house import House


@pytest.fixture
def house(tmp_path, clock):
    with services_in(tmp_path, clock, workers=("workers",)) as services:
        yield House(services, tmp_path, clock)
