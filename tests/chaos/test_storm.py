"""A storm of some hundred jobs in ``make test``; ``make chaos`` blows for ten thousand."""

from __future__ import annotations

import pytest

from tests.chaos import figures
from tests.chaos.storm import Plan, Storm

pytestmark = pytest.mark.timeout(300)

PLAN = Plan(
    jobs=300,
    seed=7,
    clients=4,
    gap_s=0.4,
    longest_pause_s=8,
    drain_s=90,
    embers=4,
    cancels=2,
    short=True,
)


def test_a_storm_of_kills_pauses_and_restarts_loses_nothing_and_leaves_nothing(tmp_path):
    storm = Storm(PLAN, tmp_path / "data", print)

    report = storm.run()

    assert storm.findings.all == []
    assert figures.over(report, timers=False) == []
    assert report["rows"] == PLAN.jobs + PLAN.embers + PLAN.cancels
    assert report["statuses"]["succeeded"] > PLAN.jobs / 2
    assert report["cancels_measured"] == PLAN.cancels
    assert report["recoveries"] > 0
    assert report["kills"] > 2
    assert storm.live.processes() == []
