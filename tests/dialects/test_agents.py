"""What ``/api/agents`` and ``/api/agent-runs`` answer, and what they say of themselves."""

from __future__ import annotations

import json

import pytest

from handlers.dialects.agents import DIALECT, words
from tests.contracts.test_openapi import refs, resolve

PROMPT = {"prompt": "a cat"}
GRAPH = {"nodes": [{"id": "draw", "model": "acme/app", "payload": {"prompt": "{{input.prompt}}"}}]}


def run_through(stage):
    """The steward, until nothing is due."""
    steward, clock = stage.services.steward, stage.services.clock
    while (again_at := steward(clock.now())) is not None and again_at <= clock.now():
        pass


def test_every_route_is_documented_and_every_reference_leads_somewhere(client):
    document = client.get("/openapi.json").json()

    assert all(resolve(document, ref) for ref in set(refs(document)))
    for route in DIALECT.routes:
        for method in route.methods - {"HEAD"}:
            told = document["paths"][route.path][method.lower()]
            assert told["tags"] == ["agents"]
            assert {one["name"] for one in told["parameters"]} == set(route.param_convertors)


def test_a_key_may_be_said_in_the_body_or_in_a_header_and_starts_one_run(client):
    first = client.post("/api/agent-runs", json={**GRAPH, "input": PROMPT, "idempotency_key": "k"})
    again = client.post("/api/agent-runs", json={**GRAPH, "input": PROMPT, "idempotency_key": "k"})
    other = client.post(
        "/api/agent-runs", json={**GRAPH, "input": PROMPT}, headers={"Idempotency-Key": "k"}
    )

    assert first.status_code == again.status_code == 202
    assert first.json()["id"] == again.json()["id"]
    assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_mismatch")


def test_runs_are_listed_a_page_at_a_time_and_jobs_are_none_of_them(client, stage):
    made = []
    for _ in range(3):
        stage.services.clock.sleep(1)
        made.append(client.post("/api/agent-runs", json={**GRAPH, "input": PROMPT}).json()["id"])
    run_through(stage)
    first = client.get("/api/agent-runs?limit=2").json()
    rest = client.get("/api/agent-runs", params={"limit": 2, "cursor": first["next_cursor"]}).json()

    listed = [run["id"] for page in (first, rest) for run in page["runs"]]
    assert listed == made[::-1]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=x", "limit"),
        ("cursor=nowhere", "cursor"),
        ("cursor=nan~a", "cursor"),
    ],
)
def test_a_wrong_query_is_named(client, query, field):
    answer = client.get(f"/api/agent-runs?{query}")

    assert (answer.status_code, answer.json()["error"]["field"]) == (422, f"query.{field}")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"nodes": []}, "nodes"),
        ({**GRAPH, "input": {"text": "x"}}, "nodes.draw.payload.prompt"),
        ({**GRAPH, "input": PROMPT, "webhook": "ftp://x"}, "webhook"),
        ({**GRAPH, "input": PROMPT, "expires_s": -1}, "expires_s"),
        ({**GRAPH, "input": PROMPT, "colour": "red"}, "colour"),
        ({**GRAPH, "input": PROMPT, "idempotency_key": ""}, "idempotency_key"),
    ],
)
def test_a_wrong_wish_is_refused_by_field_and_nothing_is_kept(client, body, field):
    before = client.get("/api/agent-runs").json()
    answer = client.post("/api/agent-runs", json=body)

    assert (answer.status_code, answer.json()["error"]["field"]) == (422, field)
    assert client.get("/api/agent-runs").json() == before


def test_a_check_keeps_nothing_and_shows_what_would_run(client):
    answer = client.post("/api/agents/check", json=GRAPH)

    assert answer.json()["nodes"] == [
        {"id": "draw", "endpoint": "acme/app", "task": answer.json()["nodes"][0]["task"],
         "needs": [], "map": False},
    ]  # fmt: skip
    assert client.post("/api/agents/check", json={**GRAPH, "input": {}}).status_code == 422


def test_a_body_that_is_too_large_is_refused(client):
    body = json.dumps({**GRAPH, "input": {"prompt": "x" * (2 * 1024 * 1024)}})

    assert client.post("/api/agent-runs", content=body).status_code == 413


def test_outputs_that_are_long_together_are_left_out_and_no_more_of_them_is_read(
    client, stage, monkeypatch
):
    monkeypatch.setattr(words, "MOST_OUTPUTS", 3000)
    nodes = [{**GRAPH["nodes"][0], "id": name} for name in ("a", "b", "c")]
    made = client.post("/api/agent-runs", json={"nodes": nodes, "input": PROMPT}).json()
    run_through(stage)
    for node in client.get(f"/api/agent-runs/{made['id']}").json()["nodes"]:
        stage.succeed(node["job_id"], {"text": "x" * 2000})
    run_through(stage)

    first, *rest = client.get(f"/api/agent-runs/{made['id']}?outputs=1").json()["nodes"]
    assert first["output"] == {"text": "x" * 2000}
    assert "output_left_out" not in first
    assert [node["output"] for node in rest] == [None, None]
    assert all("ask for its jobs" in node["output_left_out"] for node in rest)
