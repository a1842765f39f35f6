"""A closed model's job, relayed to a second Pilotlight: input, logs, result, errors, cancel."""

from __future__ import annotations

import base64
import json
import subprocess
import sys

import pytest

from tests.journeys.relayed import DRAWS, EDITS, house
from tests.journeys.upstairs.lantern import PIXELS
from tests.live import ROOT, environment, until

UNROUTED = "fal-ai/ovi"


@pytest.fixture(scope="module")
def relay(tmp_path_factory):
    with house(tmp_path_factory.mktemp("relay")) as made:
        yield made


def lines_of(live, endpoint, job_id):
    return [line["message"] for line in live.status(endpoint, job_id)["logs"]]


def test_a_job_is_done_upstream_and_its_file_is_ours(relay):
    job_id = relay.lower.submit(DRAWS, {"prompt": "first light"})
    result = relay.lower.finished(DRAWS, job_id)

    (image,) = result.json["images"]
    assert image["url"].startswith(relay.lower.url)
    assert relay.lower.ask("GET", image["url"], key=None).body == PIXELS
    assert (image["width"], image["content_type"]) == (8, "image/png")
    (asked,) = relay.asked("first light")
    assert relay.note(job_id)["id"] == asked
    told = lines_of(relay.lower, DRAWS, job_id)
    assert f"fal took it as {asked}" in told
    assert "lighting first" in told


def test_progress_comes_through_while_it_is_followed(relay, tmp_path):
    gate = tmp_path / "gate"
    job_id = relay.lower.submit(DRAWS, {"prompt": f"slow GATE={gate}"})

    until(
        lambda: relay.lower.status(DRAWS, job_id).get("progress") == 0.5,
        what="the upper one's progress",
    )
    gate.touch()
    relay.lower.finished(DRAWS, job_id)


@pytest.mark.parametrize("size", [100, 300_000], ids=["inline", "uploaded"])
def test_a_file_of_the_input_reaches_the_model_upstream(relay, size):
    picture = PIXELS + bytes(size)
    sent = {
        "prompt": f"over {size}",
        "image_url": f"data:image/png;base64,{base64.b64encode(picture).decode()}",
        "sync_mode": True,
    }
    (image,) = relay.lower.finished(EDITS, relay.lower.submit(EDITS, sent)).json["images"]

    kind, _, data = image["url"].partition(",")
    assert kind == "data:image/png;base64"  # ours to put inline, from a file that is ours
    assert base64.b64decode(data) == PIXELS + picture
    ((told,),) = relay.rows(relay.upper, "input", f"input LIKE '%over {size}%'")
    assert ("inputs/" in told) == (size < 200_000)  # there by its words, or by an upload


def test_what_is_wrong_with_the_input_is_said_in_the_callers_fields_and_not_tried_again(relay):
    job_id = relay.lower.submit(DRAWS, {"prompt": "no FAIL=prompt"})
    answer = relay.lower.finished(DRAWS, job_id)

    (problem,) = answer.json["detail"]
    assert answer.status == 422
    assert (problem["loc"], problem["type"]) == (["body", "prompt"], "content_policy_violation")
    assert len(relay.asked("FAIL=prompt")) == 1


def test_a_failure_upstream_is_tried_again_only_where_the_caller_allows_it(relay):
    job_id = relay.lower.submit(DRAWS, {"prompt": "no FAIL=model"}, X_Fal_No_Retry="1")
    answer = relay.lower.finished(DRAWS, job_id)

    assert answer.status == 502
    assert answer.json["error_type"] == "upstream_failed"
    assert "the lantern fell over" in answer.json["detail"]
    assert relay.note(job_id) == {"number": 2}  # another attempt would have asked anew
    assert len(relay.asked("FAIL=model")) == 1


def test_a_cancelled_job_is_cancelled_upstream(relay, tmp_path):
    began = tmp_path / "began"
    prompt = f"endless GATE={tmp_path / 'never'} BEGAN={began}"
    job_id = relay.lower.submit(DRAWS, {"prompt": prompt})
    until(lambda: relay.note(job_id).get("id") and began.exists(), what="the request to run")
    relay.lower.ask("PUT", f"/queue/{DRAWS}/requests/{job_id}/cancel")

    (asked,) = relay.asked("endless")
    until(lambda: relay.status_of(relay.upper, asked) == "cancelled", what="the cancel upstream")


def pilotlight(live, *words):
    done = subprocess.run(
        [sys.executable, "-m", "pilotlight.cli", *words, "--data", str(live.data)],
        cwd=ROOT, env=environment(RELAY_TEST_KEY=""), capture_output=True, text=True, timeout=60,
        check=True,
    )  # fmt: skip
    return done.stdout


def test_relayed_endpoints_are_listed_as_such_with_the_contracts_that_callers_know(relay):
    listed = {one["id"]: one for one in json.loads(pilotlight(relay.lower, "endpoints", "--json"))}
    document = relay.lower.ask("GET", f"/openapi.json?endpoint_id={DRAWS}", key=None).json

    drawn = listed[DRAWS]
    assert (drawn["state"], drawn["worker"], drawn["upstream"]) == ("relayed", "relayed-fal", "fal")
    assert "prompt" in drawn["input"]["properties"]
    assert "images" in drawn["output"]["properties"]
    assert listed[UNROUTED]["state"] == "unrouted"
    assert "relay/fal" not in listed
    assert document["info"]["x-pilotlight"] == {"state": "relayed", "worker": "relayed-fal"}


def test_the_relays_own_name_is_no_endpoint(relay):
    assert relay.lower.ask("POST", "/queue/relay/fal", {"prompt": "x"}).status == 404
