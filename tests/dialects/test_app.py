"""The edge itself: the strict scan, hosts, the relay, browsers, health, keys of ours."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest

from handlers.app import create_app
from handlers.dialect import found
from handlers.dialects.fal import DIALECT
from pilotlight.adapters.local.database import Database
from pilotlight.adapters.local.health import LEAST_FREE
from pilotlight.bootstrap.local import database_path
from pilotlight.errors import SettingsError
from tests.dialects.stage import Background, Stage, events, served, services_in, submit

FAL_HOSTS = {
    "fal.run": "/run",
    "queue.fal.run": "/queue",
    "rest.fal.ai": "/rest",
    "v3.fal.media": "/cdn",
}


def test_these_dialects_are_found():
    assert sorted(found()) == [
        "agents",
        "async-invoke",
        "fal",
        "native",
        "openai",
        "task-types",
        "yescale",
    ]
    assert DIALECT.hosts == FAL_HOSTS


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of dialects to break."""
    monkeypatch.syspath_prepend(str(tmp_path))
    folder = tmp_path / "broken_dialects"
    folder.mkdir()
    yield folder
    for name in [name for name in sys.modules if name.startswith("broken_dialects")]:
        del sys.modules[name]


def test_a_module_without_its_constant_stops_the_start(package):
    (package / "forgotten.py").write_text("ROUTES = []\n")

    with pytest.raises(SettingsError, match="forgotten defines no DIALECT"):
        found("broken_dialects")


def test_two_dialects_with_one_name_stop_the_start(package):
    for name in ("one", "two"):
        (package / f"{name}.py").write_text("from handlers.dialects.fal import DIALECT\n")

    with pytest.raises(SettingsError, match="two dialects are called 'fal'"):
        found("broken_dialects")


def test_health_needs_no_key(stage):
    with stage.client(None) as anybody:
        assert anybody.get("/healthz").json() == {"status": "ok"}
        assert anybody.get("/readyz").status_code == 200
        assert anybody.get("/").status_code == 200


def break_job_table(services):
    database = Database(database_path(services.settings))
    with database.write() as execute:
        execute("ALTER TABLE job RENAME TO lost")
    database.close()


def test_not_ready_says_what_is_missing(tmp_path, clock):
    with services_in(tmp_path, clock) as services:
        empty = replace(services, catalogue=replace(services.catalogue, endpoints={}))
        with served(create_app(empty)) as url, Stage(empty, url).client() as client:
            reply = client.get("/readyz")
            assert reply.status_code == 503
            assert list(reply.json()["not_ready"]) == ["catalogue"]
            break_job_table(services)
            assert "store" in client.get("/readyz").json()["not_ready"]
            assert client.get("/healthz").status_code == 200


def test_a_full_disk_is_not_ready_and_one_with_room_is(tmp_path, clock, monkeypatch):
    free = [LEAST_FREE]
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free[0]))
    with (
        services_in(tmp_path, clock) as services,
        served(create_app(services)) as url,
        Stage(services, url).client(None) as client,
    ):
        assert client.get("/readyz").status_code == 200
        free[0] -= 1
        assert client.get("/readyz").json()["not_ready"] == {
            "disk": "30 MiB of disk are free: make room"
        }
        assert client.get("/healthz").status_code == 200, "a restart makes no room"


def test_our_public_keys_are_where_fals_are(stage):
    with stage.client(None) as anybody:
        here, there = (
            anybody.get("/.well-known/jwks.json"),
            anybody.get("/rest/.well-known/jwks.json"),
        )
        fal = anybody.get("/.well-known/jwks.json", headers={"host": "rest.fal.ai"})

    (key, *_) = here.json()["keys"]
    assert (key["kty"], key["crv"]) == ("OKP", "Ed25519")
    assert here.json() == there.json() == fal.json()
    assert "max-age" in here.headers["cache-control"]


def test_a_path_that_nobody_serves_is_a_json_404(stage, client):
    reply = client.get("/no/such/path")

    assert reply.status_code == 404
    assert reply.json()["path"] == "/no/such/path"


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("/models", "/v1/models"),
        ("/chat/completions", "/v1/chat/completions"),
        ("/sonauto/v2/text-to-music", "/run/sonauto/v2/text-to-music"),
    ],
)
def test_a_path_without_its_beginning_is_led_there(client, asked, meant):
    reply = client.get(asked)
    assert reply.status_code == 404
    told = reply.json()
    assert told["detail"] == f"nothing is served here; did you mean {meant}?"
    assert told["error"]["message"] == told["message"] == told["detail"]


@pytest.mark.parametrize("port", ["", ":8443"])
def test_requests_for_fals_hosts_are_led_there_and_get_urls_on_those_hosts(stage, client, port):
    def to(name):
        return {"host": name + port}

    said = client.post("/acme/app", json={"prompt": "x"}, headers=to("queue.fal.run")).json()
    base = f"http://queue.fal.run{port}/acme/app/requests/{said['request_id']}"
    assert said["response_url"] == base
    path = f"/acme/app/requests/{said['request_id']}"
    assert client.get(path + "/status", headers=to("QUEUE.fal.run")).status_code == 202
    token = client.post("/storage/auth/token", json={}, headers=to("rest.fal.ai")).json()
    assert token["base_url"] == f"http://v3.fal.media{port}"
    url = client.post("/files/upload", content=b"x", headers=to("v3.fal.media")).json()[
        "access_url"
    ]
    assert url.startswith(f"http://v3.fal.media{port}/files/")
    file = url.removeprefix(f"http://v3.fal.media{port}")
    assert client.get(file, headers=to("v3.fal.media")).content == b"x"


def test_the_run_host_calls_and_waits(stage, client):
    call = Background(client.post, "/acme/app", json={"prompt": "x"}, headers={"host": "fal.run"})
    stage.succeed(stage.only_job().id, {"text": "ok"})

    assert call.result().json() == {"text": "ok"}


@pytest.mark.parametrize("host", ["gpu.example.org", "fal.run.evil.example", "xfal.run", ""])
def test_any_other_host_is_just_us(client, host):
    said = client.post("/queue/acme/app", json={"prompt": "x"}, headers={"host": host})

    assert said.status_code == 200
    if host:
        assert said.json()["status_url"].startswith(f"http://{host}/queue/acme/app/")


def relay(client, method, url, **more):
    headers = {"x-fal-target-url": url} | more.pop("headers", {})
    return client.request(method, "/api/fal/proxy", headers=headers, **more)


def test_the_relay_leads_every_kind_of_call_on(stage, client):
    said = relay(
        client,
        "POST",
        "https://queue.fal.run/acme/app?fal_max_queue_length=5",
        json={"prompt": "x"},
    ).json()
    rid = said["request_id"]
    base = f"https://queue.fal.run/acme/app/requests/{rid}"
    assert said["response_url"] == f"{stage.url}/queue/acme/app/requests/{rid}"
    assert relay(client, "GET", base + "/status?logs=1").json()["status"] == "IN_QUEUE"
    stage.tell(rid, "log", message="line", level="stdout")
    assert len(relay(client, "GET", base + "/status?logs=1").json()["logs"]) == 1
    stage.succeed(rid, {"text": "ok"})
    stream = relay(client, "GET", base + "/status/stream?logs=1")
    assert [event["status"] for event in events(stream)] == ["COMPLETED"]
    assert relay(client, "GET", base).json() == {"text": "ok"}
    assert relay(client, "PUT", base + "/cancel").status_code == 400

    rest = "https://rest.fal.ai/storage/upload/initiate?storage_type=fal-cdn-v3"
    said = relay(
        client, "POST", rest, json={"file_name": "a.png", "content_type": "image/png"}
    ).json()
    assert said["upload_url"].startswith(stage.url + "/cdn/files/")
    assert client.put(said["upload_url"], content=b"x").status_code == 200
    tokens = relay(client, "POST", "https://rest.fal.ai/tokens/", json={"allowed_apps": ["app"]})
    assert isinstance(tokens.json(), str)


def test_the_relay_runs_and_streams(stage, client):
    call = Background(relay, client, "GET", "https://fal.run/acme/app?prompt=a%20cat")
    job = stage.only_job()
    stage.succeed(job.id, {"text": "ok"})

    assert call.result().json() == {"text": "ok"}
    assert json.loads(job.input) == {"prompt": "a cat"}


@pytest.mark.parametrize(
    "target",
    [
        "https://example.com/acme/app",
        "https://fal.run.evil.example/acme/app",
        "https://evil@example.com/fal.run",
        "ftp://fal.run/acme/app",
        "/acme/app",
        "http://[::1",
        "",
    ],
)
def test_the_relay_goes_nowhere_else(stage, client, target):
    reply = relay(client, "POST", target, json={"prompt": "x"})

    assert reply.status_code == 400
    assert "Invalid request" in reply.json()["detail"]
    assert stage.services.store.list_jobs() == []


def test_the_relay_without_a_target_is_a_400(client):
    reply = client.post("/api/fal/proxy", json={})

    assert reply.status_code == 400
    assert "x-fal-target-url is missing" in reply.json()["detail"]


def test_the_relay_needs_a_key_like_everything_else(stage):
    with stage.client(None) as anybody:
        reply = relay(anybody, "POST", "https://queue.fal.run/acme/app", json={"prompt": "x"})

    assert reply.status_code == 401


BROWSER_PATHS = [
    "/run/acme/app",
    "/queue/acme/app",
    "/queue/acme/app/requests/1/status",
    "/rest/tokens/",
    "/cdn/files/upload",
    "/api/fal/proxy",
    "/files/g..x/k",
]


@pytest.mark.parametrize("path", BROWSER_PATHS)
def test_a_preflight_is_answered_without_a_key(stage, path):
    wanted = "authorization,content-type,x-fal-queue-priority,x-fal-target-url"
    headers = {
        "origin": "https://app.example",
        "access-control-request-method": "PUT",
        "access-control-request-headers": wanted,
        "access-control-request-private-network": "true",
    }
    with stage.client(None) as page:
        reply = page.options(path, headers=headers)

    assert reply.status_code == 204
    assert reply.headers["access-control-allow-origin"] == "*"
    assert {"GET", "POST", "PUT", "OPTIONS"} <= set(
        reply.headers["access-control-allow-methods"].split(", ")
    )
    assert reply.headers["access-control-allow-headers"] == wanted
    assert "access-control-allow-credentials" not in reply.headers
    assert reply.headers["access-control-allow-private-network"] == "true"


def test_a_preflight_on_fals_own_host_is_answered_too(stage):
    headers = {"host": "queue.fal.run", "origin": "https://app.example"}
    with stage.client(None) as page:
        reply = page.options("/acme/app", headers=headers)

    assert reply.status_code == 204
    assert "authorization" in reply.headers["access-control-allow-headers"]
    assert "access-control-allow-private-network" not in reply.headers


def test_a_page_may_read_answers_errors_and_the_request_id(stage, client):
    origin = {"origin": "https://app.example"}
    replies = [
        client.post("/queue/acme/app", json={"prompt": "x"}, headers=origin),
        client.post("/queue/acme/app", json={}, headers=origin),
        client.post("/queue/no/such", json={}, headers=origin),
        relay(client, "POST", "https://example.com/", headers=origin),
    ]

    for reply in replies:
        assert reply.headers["access-control-allow-origin"] == "*"
        exposed = reply.headers["access-control-expose-headers"]
        read = {"x-fal-request-id", "x-fal-request-timeout-type", "x-request-id", "x-should-retry"}
        assert read <= set(exposed.split(", "))
        assert "set-cookie" not in reply.headers


def test_health_is_not_for_pages(client):
    reply = client.get("/healthz", headers={"origin": "https://app.example"})

    assert "access-control-allow-origin" not in reply.headers


def test_urls_follow_the_scheme_host_and_prefix_of_the_request(tmp_path, clock):
    """Behind a proxy that ends TLS and serves us below a prefix."""
    with services_in(tmp_path, clock) as services:
        app = create_app(services)

        async def below(scope, receive, send):
            if scope["type"] == "http":
                scope = {**scope, "root_path": "/gpu", "path": "/gpu" + scope["path"]}
                scope["scheme"] = "https"
            await app(scope, receive, send)

        with served(below) as url, Stage(services, url).client() as client:
            said = submit(client, headers={"host": "gw.example.org"})
            led = client.post(
                "/acme/app", json={"prompt": "x"}, headers={"host": "queue.fal.run"}
            ).json()

    assert said["status_url"].startswith("https://gw.example.org/gpu/queue/acme/app/requests/")
    assert led["status_url"].startswith("https://queue.fal.run/acme/app/requests/")


def test_a_defect_of_ours_is_a_500_in_fals_shape(stage, client):
    break_job_table(stage.services)
    reply = client.get("/queue/acme/app/requests/0198c0de-0000-7000-8000-000000000000")

    assert reply.status_code == 500
    assert reply.json()["error_type"] == "internal_error"
    assert reply.headers["x-fal-request-id"]
