"""A closed model's job, relayed to a second Pilotlight: input, logs, result, errors, cancel."""

from __future__ import annotations

import pytest

from tests.journeys.relayed import DRAWS, house
from tests.journeys.upstairs.lantern import PIXELS


@pytest.fixture(scope="module")
def relay(tmp_path_factory):
    with house(tmp_path_factory.mktemp("relay")) as house_:
        yield house_


def test_a_job_is_done_upstream_and_its_file_is_ours(relay):
    job_id = relay.lower.submit(DRAWS, {"prompt": "first light"})
    result = relay.lower.finished(DRAWS, job_id)

    (image,) = result.json["images"]
    assert image["url"].startswith(relay.lower.url)
    assert relay.lower.ask("GET", image["url"], key=None).body == PIXELS
    assert (image["width"], image["content_type"]) == (8, "image/png")
    assert len(relay.asked("first light")) == 1
    assert relay.note(job_id)["id"] == relay.asked("first light")[0]
