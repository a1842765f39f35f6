"""`pilotlight up --routes`: a worker behind other people's endpoints, from submit to result."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys

import pytest

from tests.live import KEY, ROOT, environment, up

ROUTES = """
[[route]]
endpoint = "fal-ai/fast-sdxl"
worker = "echo"
rename = { prompt = "text" }
fixed = { sleep_s = 0 }

[[route]]
endpoint = "fal-ai/flux-pro/kontext/text-to-image"
worker = "echo"
rename = { prompt = "text" }
"""


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    folder = tmp_path_factory.mktemp("routes")
    (folder / "mine.toml").write_text(ROUTES)
    with up(folder / "data", options=("--routes", str(folder / "mine.toml"))) as live:
        yield live


def pilotlight(live, *words):
    """A command in another process, which knows of ``up`` only what lies in its data."""
    return subprocess.run(
        [sys.executable, "-m", "pilotlight.cli", *words, "--data", str(live.data)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout


@pytest.mark.parametrize("endpoint", ["fal-ai/fast-sdxl", "fal-ai/flux-pro/kontext/text-to-image"])
def test_a_routed_job_runs_and_its_result_comes_back_under_the_public_id(live, endpoint):
    waited = live.ask("POST", f"/run/{endpoint}", {"prompt": "a lighthouse", "sleep_s": 900})
    queued = live.submit(endpoint, {"prompt": "a pier"})

    assert (waited.status, waited.json) == (200, {"text": "a lighthouse"})
    assert live.finished(endpoint, queued).json == {"text": "a pier"}


def test_an_unrouted_endpoint_says_so_and_the_document_too(live):
    refused = live.ask("POST", "/queue/fal-ai/ovi", {"prompt": "a pier"})
    document = live.ask("GET", "/openapi.json?endpoint_id=fal-ai/ovi", key=None).json

    assert refused.status == 404
    assert "pilotlight up --routes" in refused.json["detail"]
    assert document["info"]["x-pilotlight"]["state"] == "unrouted"


def test_the_list_shows_who_serves_what_and_how(live):
    listed = {one["id"]: one for one in json.loads(pilotlight(live, "endpoints", "--json"))}
    lines = pilotlight(live, "endpoints", "fal-ai/f", "local").splitlines()
    routed, unrouted = listed["fal-ai/fast-sdxl"], listed["fal-ai/ovi"]

    assert routed["route"] == {
        "by": "settings",
        "target": "pilotlight/echo",
        "rename": {"prompt": "text"},
        "fixed": {"sleep_s": 0},
    }
    assert (routed["state"], routed["worker"], routed["task"]) == (
        "local", "echo", "pilotlight/echo",
    )  # fmt: skip
    assert "fal" in routed["dialects"]
    assert (unrouted["state"], unrouted["worker"], unrouted["route"]) == ("unrouted", None, None)
    assert unrouted["example"] is None
    shown = next(line for line in lines if line.startswith("fal-ai/fast-sdxl"))
    assert "by settings, prompt is text, sleep_s = 0" in shown


@pytest.mark.parametrize("endpoint", ["fal-ai/fast-sdxl", "pilotlight/echo"])
def test_the_example_of_a_listed_endpoint_works_when_pasted(live, endpoint):
    listed = {one["id"]: one for one in json.loads(pilotlight(live, "endpoints", "--json"))}
    example = listed[endpoint]["example"]
    program, *words = shlex.split(example["command"])

    assert program == "pilotlight"
    assert json.loads(pilotlight(live, *words)) == {"text": next(iter(example["input"].values()))}
    assert example["command"] in pilotlight(live, "endpoints", endpoint)


def test_routes_can_be_looked_at_before_they_are_used(live, tmp_path):
    routes = tmp_path / "other.toml"
    routes.write_text('[[route]]\nendpoint = "acme/later"\nworker = "echo"\n')

    shown = pilotlight(live, "endpoints", "acme/later", "--routes", str(routes))

    assert "acme/later" in shown
    assert KEY not in shown
