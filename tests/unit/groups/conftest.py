"""Houses of groups, each on rows of its own."""

from __future__ import annotations

import itertools

import pytest

from tests.unit.groups.house import House


@pytest.fixture
def build(tmp_path, make_job, clock):
    houses, numbers = [], itertools.count()

    def make(**kind):
        houses.append(House(tmp_path / f"jobs-{next(numbers)}.db", make_job, clock, **kind))
        return houses[-1]

    yield make
    for house in houses:
        house.database.close()
