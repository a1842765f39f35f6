"""A load taken apart: each second belongs to one stage, and is told while it lasts."""

from __future__ import annotations

import pytest

from pilotlight import stage
from pilotlight.contracts.events import Loading
from pilotlight.execution.child_stages import Stages


class Ticking:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Ticking()


@pytest.fixture
def told():
    return []


@pytest.fixture
def stages(clock, told):
    return Stages(told.append, clock=clock)


def test_every_second_belongs_to_the_innermost_stage_or_to_the_load_itself(stages, clock):
    with stages.listen():
        clock.now += 1
        with stage("weights"):
            clock.now += 10
            with stage("device"):
                clock.now += 3
            clock.now += 2
        with stage("weights"):
            clock.now += 0.5

    assert stages.took == {"load": 1, "weights": 12.5, "device": 3}


def test_a_stage_is_told_when_it_begins_and_when_an_inner_one_ends(stages, told):
    with stages.listen(), stage("weights"), stage("device"):
        pass
    assert told == [Loading("weights"), Loading("device"), Loading("weights")]


def test_progress_is_told_twice_a_second_and_at_the_end(stages, clock, told):
    with stages.listen(), stage("weights") as weights:
        for eighth in range(9):
            clock.now += 0.125
            weights.progress(eighth / 8)

    assert told == [Loading("weights", at) for at in (None, 0.0, 0.5, 1.0)]


def test_what_fails_in_a_stage_is_charged_to_it(stages, clock):
    def load():
        with stages.listen(), stage("weights"):
            clock.now += 4
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        load()

    assert stages.took["weights"] == 4


def test_nobody_listens_outside_of_a_load(stages, told):
    with stages.listen():
        pass
    with stage("weights") as weights:
        weights.progress(0.5)

    assert told == []


def test_a_name_that_is_no_stage_is_refused():
    with (
        pytest.raises(ValueError, match="imports, weights, device, warm_up"),
        stage("downloading"),
    ):
        pass
