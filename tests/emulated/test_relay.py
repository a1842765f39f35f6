"""The relay in AWS mode on an emulator: what an attempt keeps survives in DynamoDB too."""

from __future__ import annotations

import pytest

from tests.contract.emulator import needs_ministack
from tests.journeys.relayed import DRAWS, house
from tests.journeys.upstairs.lantern import PIXELS
from tests.live import until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def relay(tmp_path_factory):
    needs_ministack()
    with house(tmp_path_factory.mktemp("relay"), options=("--aws-emulated",)) as made:
        yield made


@pytest.mark.parametrize("victim", ["child", "replica"])
def test_a_death_costs_no_second_request(relay, victim):
    word = f"light-of-{victim}"
    stopped = relay.gate.stop("POST /queue", after=True)
    job_id = relay.lower.submit(DRAWS, {"prompt": word})
    stopped.reached()
    relay.kill(victim)
    stopped.open()

    (image,) = relay.lower.finished(DRAWS, job_id).json["images"]
    assert relay.lower.ask("GET", image["url"], key=None).body == PIXELS
    assert len(relay.asked(word)) == 1


def test_a_cancelled_job_is_cancelled_upstream(relay, tmp_path):
    began = tmp_path / "began"
    prompt = f"endless GATE={tmp_path / 'never'} BEGAN={began}"
    job_id = relay.lower.submit(DRAWS, {"prompt": prompt})
    until(began.exists, what="the upper one to begin")
    until(lambda: "took it" in str(relay.lower.status(DRAWS, job_id)["logs"]), what="its id")
    relay.lower.ask("PUT", f"/queue/{DRAWS}/requests/{job_id}/cancel")

    (asked,) = relay.asked("endless")
    until(lambda: relay.status_of(relay.upper, asked) == "cancelled", what="the cancel upstream")
