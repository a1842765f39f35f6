"""Which endpoints are relayed, when, and what is said where they are not yet."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pilotlight.catalogue import discover
from pilotlight.cli import app, checkup
from pilotlight.contracts.endpoints import KNOWN
from pilotlight.errors import UnroutedEndpoint
from pilotlight.settings import RouteSettings, Settings, lacking
from pilotlight.settings.upstreams import UpstreamSettings
from tests.live import ROOT, environment
from workers.relayed_fal import CLOSED, RelayedFal

SEEDS = json.loads((Path(__file__).parent / "endpoints.json").read_text())
CLOSED_ONE, OPEN_ONE = "fal-ai/kling-video/v2/master/text-to-video", "fal-ai/ovi"
BEHIND = "fal-ai/kandinsky5/text-to-video"


@pytest.fixture
def found(monkeypatch):
    """The catalogue with these routes, with or without a key."""

    def found(*routes, key="k", packages=("workers",)):
        monkeypatch.setenv("FAL_UPSTREAM_KEY", key)
        monkeypatch.setenv("OPENAI_UPSTREAM_KEY", key)
        chosen = tuple(RouteSettings(**route) for route in routes)
        return discover(packages, chosen, partial(lacking, Settings()))

    return found


def states(catalogue):
    return {one.id: one.state for one in catalogue.listed()}


def test_closed_are_the_families_that_publish_no_weights():
    closed = [name for name in SEEDS if KNOWN[name].family in CLOSED]

    assert len(closed) == 29
    assert {KNOWN[name].family for name in SEEDS} - CLOSED == {
        "dreamomni", "flux_kontext_lora", "flux_krea", "hidream", "kandinsky", "moondream", "ovi",
        "wan_trainer",
    }  # fmt: skip
    assert {KNOWN[route.endpoint].family for route in RelayedFal.spec.routes} == CLOSED


def test_without_a_key_they_are_unrouted_and_say_which_variable_to_set(found):
    catalogue = found(key="")

    assert states(catalogue)[CLOSED_ONE] == "unrouted"
    with pytest.raises(UnroutedEndpoint, match=r"FAL_UPSTREAM_KEY.*or put one behind it.*--routes"):
        catalogue.endpoint(CLOSED_ONE)
    assert "prompt" in catalogue.contract(CLOSED_ONE).input.model_fields
    with pytest.raises(UnroutedEndpoint) as open_one:
        catalogue.endpoint(OPEN_ONE)
    assert "UPSTREAM" not in str(open_one.value)


def test_with_a_key_they_are_relayed_by_their_own_contracts(found):
    catalogue = found()
    served = catalogue.endpoint(CLOSED_ONE)

    assert states(catalogue)[CLOSED_ONE] == "relayed"
    assert states(catalogue)[OPEN_ONE] == "unrouted"
    assert served.endpoint.input is catalogue.contract(CLOSED_ONE).input
    assert "video" in served.endpoint.output.model_fields
    assert "relay/fal" not in states(catalogue)


def test_whatever_fal_has_can_be_routed_to_it(found):
    routed = {"endpoint": "fal-ai/veo3", "worker": "relayed-fal"}

    assert states(found(routed))["fal-ai/veo3"] == "relayed"
    assert found({**routed, "endpoint": OPEN_ONE}).endpoint(OPEN_ONE).spec.upstream == "fal"
    waiting = found(routed, key="")
    assert states(waiting)["fal-ai/veo3"] == "unrouted"
    with pytest.raises(UnroutedEndpoint, match="FAL_UPSTREAM_KEY"):
        waiting.endpoint("fal-ai/veo3")


def test_a_model_of_openais_has_the_contract_of_its_task(found):
    route = {"endpoint": "gpt-5", "worker": "relayed-openai"}
    speech = {**route, "endpoint": "tts", "target": "relay/openai/audio-speech"}
    catalogue = found(route, speech)

    assert catalogue.endpoint("gpt-5").endpoint.task == "openai/chat-completion"
    assert "messages" in catalogue.endpoint("gpt-5").endpoint.input.model_fields
    assert "audio_url" in catalogue.endpoint("tts").endpoint.output.model_fields


def test_who_serves_an_endpoint_here_goes_before_who_is_paid_elsewhere(found):
    packages = ("workers", "tests.contracts.behind")
    catalogue = found(packages=packages)
    assert catalogue.endpoint(BEHIND).spec.name == "lamp"

    chosen = found({"endpoint": CLOSED_ONE, "worker": "echo", "rename": {"prompt": "text"}})
    assert chosen.endpoint(CLOSED_ONE).spec.name == "echo"


def test_an_upstream_that_nobody_described_says_so():
    settings = Settings(upstreams={"mine": UpstreamSettings(url="https://a.b", key_env="K")})

    assert "PILOTLIGHT_UPSTREAMS" in lacking(settings, "yours")


def test_a_key_where_no_replica_would_find_it_is_refused(monkeypatch):
    monkeypatch.setenv("PILOTLIGHT_KEY_OF_FAL", "k")
    mine = UpstreamSettings(url="https://a.b", key_env="PILOTLIGHT_KEY_OF_FAL")

    assert "does not begin with PILOTLIGHT_" in lacking(Settings(upstreams={"fal": mine}), "fal")


def test_the_doctor_says_which_key_is_missing(tmp_path, monkeypatch):
    mine = {"mine": UpstreamSettings(url="https://a.example", key_env="MINE_KEY")}
    settings = Settings(data=tmp_path, upstreams=mine, ingress={"port": 0})
    monkeypatch.setenv("FAL_UPSTREAM_KEY", "k")
    monkeypatch.delenv("MINE_KEY", raising=False)
    found = {one.check: one for one in checkup.look(settings)}

    assert found["upstream fal"].state == "ok"
    assert found["upstream mine"].state == "broken"
    assert "MINE_KEY" in found["upstream mine"].said
    assert "upstream openai" not in found


def test_the_list_says_what_waits_for_a_key(tmp_path, monkeypatch):
    monkeypatch.delenv("FAL_UPSTREAM_KEY", raising=False)
    monkeypatch.chdir(ROOT)
    said = CliRunner().invoke(app, ["endpoints", CLOSED_ONE, "--data", str(tmp_path)]).output

    assert "unrouted, wants a key" in said


LISTED = """
import sys
from functools import partial
from pilotlight.catalogue import discover
from pilotlight.settings import Settings, lacking
listed = list(discover(("workers",), (), partial(lacking, Settings())).listed())
assert sum(one.state == "relayed" for one in listed) == {relayed}
folders = ("pilotlight.contracts.endpoints.", "pilotlight.contracts.tasks", "httpcore",
           "pilotlight.adapters", "pilotlight.upstreams", "workers.engines.relay.errand")
print([name for name in sys.modules if name.startswith(folders)])
"""


@pytest.mark.parametrize(("key", "relayed"), [("", 0), ("k", 58)])
def test_relays_cost_a_start_no_contract_and_no_way_out(key, relayed):
    done = subprocess.run(
        [sys.executable, "-c", LISTED.format(relayed=relayed)],
        cwd=ROOT, env=environment(FAL_UPSTREAM_KEY=key), check=False, capture_output=True,
        text=True, timeout=60,
    )  # fmt: skip

    assert done.stdout.strip() == "[]", done.stdout + done.stderr
