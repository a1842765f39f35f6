"""``/api`` beside jobs: endpoints, files, webhooks, keys, and the document that tells of all."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace

import pytest

from handlers.app import create_app
from handlers.dialect import Dialect, found
from handlers.dialects.native.documents import OPS
from pilotlight.contracts import moves
from pilotlight.intake import keys
from pilotlight.settings import RouteSettings
from tests.dialects.stage import Stage, served, services_in, submit
from tests.references import refs

PUT = RouteSettings(
    endpoint="fal-ai/fast-sdxl", worker="pictures", rename={"words": "prompt"}, fixed={"steps": 4}
)


@pytest.fixture
def routed(tmp_path, clock):
    """A site where one worker is put behind somebody else's id, with a dialect of few tasks."""
    narrow = Dialect(
        name="narrow", routes=(), announce=found()["native"].announce, tasks=frozenset({"acme/x"})
    )
    dialects = {**found(), "narrow": narrow}
    with (
        services_in(tmp_path, clock, routes=(PUT,)) as services,
        served(create_app(services, dialects)) as url,
        Stage(services, url).client() as client,
    ):
        yield client


def test_endpoints_say_who_serves_them_by_which_route_and_in_which_dialects(routed):
    listed = {one["id"]: one for one in routed.get("/api/endpoints").json()["endpoints"]}
    own, put, unrouted = (listed[name] for name in ("acme/app", "fal-ai/fast-sdxl", "fal-ai/ovi"))

    assert (own["state"], own["worker"], own["task"], own["route"]) == (
        "local", "pictures", "fal/text-to-image", None,
    )  # fmt: skip
    assert {"fal", "native"} <= set(own["dialects"])
    assert "narrow" not in own["dialects"]
    assert put["route"] == {
        "by": "settings", "target": "acme/app", "rename": {"words": "prompt"},
        "fixed": {"steps": 4},
    }  # fmt: skip
    assert list(put["example"]["input"]) == ["words"]
    assert (unrouted["state"], unrouted["worker"], unrouted["example"]) == ("unrouted", None, None)
    assert 'endpoint = "fal-ai/ovi"' in unrouted["advice"]
    assert len(listed) > 70


def test_endpoints_can_be_searched(routed):
    def ids(query):
        return [one["id"] for one in routed.get("/api/endpoints?" + query).json()["endpoints"]]

    assert ids("worker=pictures&q=sdxl") == ["fal-ai/fast-sdxl"]
    assert ids("q=flux+kontext+unrouted")
    assert all("flux" in one for one in ids("q=FLUX"))
    assert ids("state=local&dialect=narrow") == []
    assert ids("task=fal/text-to-image&state=local")[0] == "acme/app"
    refused = routed.get("/api/endpoints?name=x")
    assert (refused.status_code, refused.json()["error"]["field"]) == (422, "query.name")


def test_one_endpoint_comes_with_its_contract(routed):
    said = routed.get("/api/endpoints/fal-ai/fast-sdxl").json()
    known = routed.get("/api/endpoints/fal-ai/ovi").json()
    near = routed.get("/api/endpoints/acme/ap")

    assert "words" in said["input"]["properties"]
    assert "steps" not in said["input"]["properties"]
    assert "images" in said["output"]["properties"]
    assert "prompt" in known["input"]["properties"]
    assert near.status_code == 404
    assert "did you mean acme/app" in near.json()["error"]["message"]


def test_the_example_is_a_submit_that_is_taken(routed):
    said = routed.get("/api/endpoints/fal-ai/fast-sdxl").json()
    words = shlex.split(said["example"]["curl"])

    body = json.loads(words[words.index("-d") + 1])
    assert words[:3] == ["curl", "-s", str(routed.base_url).rstrip("/") + "/api/jobs?wait=60"]
    assert "Authorization: Key $PILOTLIGHT_KEY" in words
    assert routed.post("/api/jobs", json=body).status_code == 202


def test_a_file_is_brought_lent_and_deleted(stage, client, stranger, clock):
    brought = client.post(
        "/api/files?name=../a/big größe.png&expires_in_s=3600",
        content=b"pixels",
        headers={"content-type": "image/png"},
    )
    said = brought.json()
    path = f"/api/files/{said['id']}"

    assert brought.status_code == 201
    assert (said["name"], said["content_type"], said["size"]) == ("big_gr_e.png", "image/png", 6)
    assert client.get(said["url"]).content == b"pixels"
    with stage.client(None) as anybody:
        lent = client.get(path + "?expires_in_s=60").json()
        assert anybody.get(lent["url"]).content == b"pixels"
        clock.sleep(61)
        assert anybody.get(lent["url"]).status_code == 404
        assert anybody.get(client.get(path).json()["url"]).status_code == 200
    assert stranger.get(path).status_code == stranger.delete(path).status_code == 404
    assert stranger.get("/api/files").json() == {"files": [], "next_cursor": None}
    assert client.delete(path).status_code == 204
    assert client.get(path).json()["error"]["code"] == "unknown_file"
    assert client.get(path + "?expires_in_s=x").json()["error"]["field"] == "query.expires_in_s"


def test_files_are_listed_page_by_page(client, clock):
    made = []
    for number in range(3):
        clock.sleep(1)
        made.append(client.post(f"/api/files?name={number}", content=b"x").json()["id"])

    first = client.get("/api/files?limit=2").json()
    second = client.get("/api/files", params={"limit": 2, "cursor": first["next_cursor"]}).json()

    assert [one["id"] for one in first["files"] + second["files"]] == made[::-1]
    assert second["next_cursor"] is None


def test_a_file_can_be_put_without_a_key_where_it_was_announced(stage, client):
    said = client.post("/api/files/uploads", json={"name": "a.txt", "content_type": "text/plain"})
    with stage.client(None) as anybody:
        put = anybody.put(
            said.json()["upload_url"], content=b"text", headers={"content-type": "text/plain"}
        )
        assert put.status_code == 200
        assert anybody.get(said.json()["url"]).content == b"text"

    assert said.status_code == 201
    wrong = client.post("/api/files/uploads", json={"name": ""})
    assert wrong.json()["error"]["field"] == "name"


def test_webhooks_are_listed_with_what_became_of_them(stage, client, stranger, clock):
    made = []
    for number in range(3):
        clock.sleep(1)
        query = f"?fal_webhook=https://example.org/{number}"
        made.append(submit(client, "acme/app" + query)["request_id"])
    submit(client)
    stage.succeed(made[0], {})
    clock.sleep(1)
    stage.fail(made[1])

    listed = client.get("/api/webhooks?limit=2").json()
    rest = client.get("/api/webhooks", params={"cursor": listed["next_cursor"]}).json()
    found = listed["deliveries"] + rest["deliveries"]

    assert [one["job_id"] for one in found] == made[::-1]
    assert [one["state"] for one in found] == ["not yet", "due", "due"]
    assert found[0]["url"] == "https://example.org/2"
    assert stranger.get("/api/webhooks").json()["deliveries"] == []


def test_webhooks_are_posted_again_when_asked(stage, client, stranger, clock):
    job_id = submit(client, "acme/app?fal_webhook=https://example.org/x")["request_id"]
    job = stage.succeed(job_id, {})
    since = clock.now()
    leased = stage.move(job_id, moves.lease_webhook(job, now=clock.now(), lease_s=30))
    stage.move(job_id, moves.settle_webhook(leased, due_at=None, state="delivered"))
    clock.sleep(10)

    def state():
        return client.get("/api/webhooks").json()["deliveries"][0]["state"]

    assert state() == "delivered"
    assert stranger.post(f"/api/webhooks/{job_id}/replay").status_code == 404
    assert stranger.post("/api/webhooks/replay", json={"job_ids": [job_id]}).status_code == 404
    assert stranger.post("/api/webhooks/replay", json={"since": since}).json() == {"job_ids": []}
    for path, body in (
        (f"/api/webhooks/{job_id}/replay", None),
        ("/api/webhooks/replay", {"job_ids": [job_id]}),
        ("/api/webhooks/replay", {"since": since - 1}),
    ):
        reply = client.post(path, json=body)
        assert (reply.status_code, reply.json()) == (202, {"job_ids": [job_id]}), path
        assert state() == "due"
    assert client.post("/api/webhooks/replay", json={"since": clock.now()}).json() == {
        "job_ids": []
    }
    assert client.post("/api/webhooks/replay", json={}).status_code == 422
    placeless = client.post("/api/webhooks/replay", json={"since": "2026-11-20T09:30:00"})
    assert placeless.json()["error"]["field"] == "since"


@pytest.fixture
def holder(stage):
    """``holder(scopes)`` is a client with a key of alice's, and that key's record."""

    def make(*scopes, **changes):
        services = stage.services
        text, record = keys.mint(
            pepper=services.pepper, caller="alice", name="", now=services.clock.now(), scopes=scopes
        )
        record = replace(record, **changes)
        services.keys.add(record)
        return stage.client(text), record

    return make


def test_a_key_makes_keys_that_may_do_no_more_than_itself(stage, holder):
    manager, _ = holder("keys:manage", "jobs:read", requests_per_s=50.0, burst=9, queued_jobs=3)
    with manager:
        made = manager.post("/api/keys", json={"name": "board", "expires_in_s": 60})
        wide = manager.post("/api/keys", json={"scopes": ["jobs:write"]})
        wrong = manager.post("/api/keys", json={"scopes": ["everything"]})
        listed = manager.get("/api/keys").json()["keys"]
    record = stage.services.keys.find(made.json()["id"])

    assert (made.status_code, made.json()["scopes"]) == (201, ["jobs:read"])
    assert made.headers["cache-control"] == "no-store"
    assert (record.caller, record.expires_at) == ("alice", stage.services.clock.now() + 60)
    assert (record.requests_per_s, record.burst, record.queued_jobs) == (50, 9, 3)
    assert (wide.status_code, wide.json()["error"]["code"]) == (403, "unauthorised")
    assert wrong.status_code == 422
    assert {one["id"] for one in listed} >= {record.id}
    assert "key" not in listed[0]
    with stage.client(made.json()["key"]) as board:
        assert board.get("/api/jobs").status_code == 200
        assert board.post("/api/jobs", json={"endpoint": "acme/app"}).status_code == 403
        assert board.get("/api/keys").status_code == 403


def test_a_key_is_replaced_and_the_old_one_goes_on_for_a_while(stage, client, holder, clock):
    _, old = holder("jobs:read")
    said = client.post(f"/api/keys/{old.id}/rotate", json={"overlap_s": 60}).json()

    record = stage.services.keys.find(said["id"])
    assert (said["scopes"], record.caller) == (["jobs:read"], "alice")
    assert stage.services.keys.find(old.id).expires_at == clock.now() + 60
    clock.sleep(61)
    again = client.post(f"/api/keys/{old.id}/rotate", json={})
    assert (again.status_code, again.json()["error"]["code"]) == (404, "unknown_key")


def test_nobody_rotates_a_key_that_may_do_more_than_theirs(stage, holder):
    manager, _ = holder("keys:manage")
    _, strong = holder("jobs:write", "keys:manage")
    with manager:
        reply = manager.post(f"/api/keys/{strong.id}/rotate", json={})

    assert reply.status_code == 403
    assert len(stage.services.keys.list_keys()) == 4


def test_a_revoked_key_is_told_as_such(stage, client, stranger, holder):
    _, record = holder("jobs:read")

    assert stranger.delete(f"/api/keys/{record.id}").status_code == 404
    assert client.delete(f"/api/keys/{record.id}").json()["state"] == "revoked"
    assert client.delete(f"/api/keys/{record.id}").status_code == 404
    states = {one["id"]: one["state"] for one in client.get("/api/keys").json()["keys"]}
    assert states[record.id] == "revoked"
    assert len(stranger.get("/api/keys").json()["keys"]) == 1


def test_the_document_has_every_route_with_its_schemas(stage, client):
    document = client.get("/openapi.json").json()
    routes = {
        (method.lower(), route.path.replace(":path}", "}"))
        for route in found()["native"].routes
        for method in route.methods - {"HEAD"}
    }

    assert {(op.method, op.path) for op in OPS} == routes
    for op in OPS:
        said = document["paths"][op.path][op.method]
        named = list(refs(said))
        assert all(ref.removeprefix("#/components/schemas/") in document["components"]["schemas"]
                   for ref in named), op  # fmt: skip
        assert (op.gives is None) == ("content" not in said["responses"][op.status])
        assert op.scope in said["description"]
    job = document["components"]["schemas"]["NativeWholeJob"]
    assert set(job["required"]) >= {"id", "status", "progress", "artifacts", "attempts"}
    answer = client.get(f"/api/jobs/{submit(client)['request_id']}").json()
    assert set(answer) == set(job["properties"])


def test_an_endpoints_document_says_how_to_submit_it_here(stage, client):
    document = client.get("/openapi.json?endpoint_id=acme/app").json()
    submitted = document["paths"]["/api/jobs"]
    body = submitted["post"]["requestBody"]["content"]["application/json"]["schema"]
    narrowed = body["allOf"][1]["properties"]

    assert submitted["servers"] == [{"url": stage.url}]
    assert narrowed["endpoint"] == {"const": "acme/app"}
    schemas = document["components"]["schemas"]
    assert "prompt" in schemas[narrowed["input"]["$ref"].rpartition("/")[2]]["properties"]
    assert "NativeJobWish" in schemas
