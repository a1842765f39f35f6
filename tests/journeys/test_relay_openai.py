"""A second Pilotlight as an upstream that speaks OpenAI's API, followed as jobs."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import urllib.request

import pytest

from tests.journeys.relayed import KEY_ENV, House
from tests.journeys.turnstile import turnstile
from tests.live import KEY, until, up

NAMES = {"chatty": "tests/parrot", "voice": "tests/whistle"}
ROUTES = [
    {"endpoint": "chatty", "worker": "relayed-openai"},
    {"endpoint": "voice", "worker": "relayed-openai", "target": "relay/openai/audio-speech"},
]


def facts(gate, **more):
    told = {"url": f"{gate.url}/v1", "speaks": "openai", "key_env": KEY_ENV, "names": NAMES}
    upstreams = {"openai": {**told, "idempotent": True, "poll_s": 0.3, **more}}
    return {"UPSTREAMS": json.dumps(upstreams), "ROUTES": json.dumps(ROUTES)}


@pytest.fixture(scope="module")
def above(tmp_path_factory):
    """The upper one, and the way to it."""
    own = {"WORKERS": '["tests.workers.standins"]'}
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
        patch.setenv(KEY_ENV, KEY)
        upper = stack.enter_context(up(tmp_path_factory.mktemp("upper"), settings=own))
        yield upper, stack.enter_context(turnstile(upper.url))


@pytest.fixture(scope="module")
def relay(above, tmp_path_factory):
    upper, gate = above
    with up(tmp_path_factory.mktemp("lower"), settings=facts(gate, jobs=True)) as lower:
        yield House(upper, lower, gate)


def talk(live, text, **more):
    body = {"model": "chatty", "messages": [{"role": "user", "content": text}], **more}
    return live.ask("POST", "/v1/chat/completions", body)


def test_a_conversation_is_held_upstream_under_the_callers_name_of_the_model(relay):
    answer = talk(relay.lower, "three lamps burn")

    assert answer.status == 200
    assert answer.json["model"] == "chatty"
    assert answer.json["choices"][0]["message"]["content"] == "three lamps burn"
    assert answer.json["usage"]["prompt_tokens"] == 3


def test_speech_comes_back_as_sound(relay):
    asked = {"input": "peep", "response_format": "wav"}
    said = relay.lower.ask("POST", "/v1/audio/speech", {**asked, "model": "voice"})
    direct = relay.upper.ask("POST", "/v1/audio/speech", {**asked, "model": NAMES["voice"]})

    assert said.status == 200
    assert said.body == direct.body
    assert len(said.body) > 0


def test_a_refusal_keeps_openais_shape(relay):
    refused = talk(relay.lower, "x", refuse="no such lamp")

    assert refused.status in (400, 422)
    assert refused.json["error"]["message"] == "no such lamp"


def test_a_death_after_the_question_costs_no_second_one(relay):
    stopped = relay.gate.stop("POST /v1/chat", after=True)
    asked = talk(relay.lower, "one lamp only", **{"async": True}).json
    stopped.reached()
    (pid,) = until(lambda: relay.lower.models("relayed-openai"), what="the child that relays")
    os.kill(pid, signal.SIGKILL)
    stopped.open()

    told = relay.lower.finished("chatty/x", asked["request_id"])
    assert told.json["choices"][0]["message"]["content"] == "one lamp only"
    assert len(relay.rows(relay.upper, "id", "input LIKE '%one lamp only%'")) == 1


def test_a_conversation_is_heard_while_it_is_written(above, tmp_path):
    upper, _ = above
    gate = tmp_path / "gate"
    body = {"model": "chatty", "stream": True, "gate": str(gate)}
    body["messages"] = [{"role": "user", "content": "lamp by lamp"}]
    with up(tmp_path / "lower", settings=facts(upper)) as lower:
        asked = urllib.request.Request(
            f"{lower.url}/v1/chat/completions",
            data=json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(asked, timeout=60) as answer:
            first = next(line for line in answer if b"lamp" in line)
            gate.touch()
            rest = b"".join(answer)

    assert b"by" not in first
    assert b"by" in rest
    assert rest.rstrip().endswith(b"data: [DONE]")
