"""A storm of some hundred jobs in ``make test``; ``make chaos`` blows for ten thousand."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from tests.chaos import figures
from tests.chaos.storm import Plan, Storm
from tests.live import ROOT, Live, environment, until

pytestmark = pytest.mark.timeout(300)

PLAN = Plan(
    jobs=400,
    seed=7,
    clients=4,
    gap_s=0.2,
    longest_pause_s=8,
    drain_s=150,
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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_storm_that_is_interrupted_ends_what_it_started(tmp_path, number):
    with (tmp_path / "out").open("wb") as out:
        storm = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos", "--jobs", "100000", "--gap-s", "0.3"],
            cwd=ROOT,
            env=environment(TMPDIR=str(tmp_path)),
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        until(lambda: b"a storm of" in (tmp_path / "out").read_bytes(), what="the storm")
        until(lambda: len(Live(tmp_path).processes()) > 3, what="replicas")
    finally:
        storm.send_signal(number)
        try:
            storm.wait(120)
            left = Live(tmp_path).processes()
        finally:
            storm.kill()
            Live(tmp_path).kill_everything()

    assert storm.returncode not in (0, 1)
    assert left == []
