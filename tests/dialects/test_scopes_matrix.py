"""Every route of the app x every scope x own and foreign caller: nobody gets more than is theirs.

The list below says what each route is for; the route table says which routes there are, and a
route that is in only one of the two fails the first test.
"""

from __future__ import annotations

import contextlib
import json
import uuid
from typing import NamedTuple

import pytest
from websockets.exceptions import ConnectionClosedOK
from websockets.sync.client import connect

from handlers.app import create_app
from pilotlight.adapters.local.clock import SystemClock
from pilotlight.contracts.job import Job, JobStatus
from pilotlight.intake import keys
from pilotlight.intake.groups.agents.run import Ticket
from pilotlight.intake.scopes import SCOPES
from pilotlight.ports.agents import AgentRecord
from pilotlight.ports.keys import KeyRecord
from tests.dialects.stage import DEADLINE_S, Stage, served, services_in, submit

SECRET = "a lighthouse nobody else may read of"
WRITE, READ, CANCEL = "jobs:write", "jobs:read", "jobs:cancel"
JOB = "/queue/acme/app/requests/{job}"
OTHER_SCOPES = {scope: [other for other in SCOPES if other != scope] for scope in SCOPES}
NOBODYS = "job-nobody-has"


class Op(NamedTuple):
    """One thing a route can be asked; ``{job}`` in the path is a job of alice's."""

    route: str
    method: str
    path: str
    scope: str | None
    """None: the route asks for no key."""
    body: object = None
    headers: dict = {}  # noqa: RUF012 - never changed


PROMPT = {"prompt": SECRET}
FILE = {"file_name": "a.png", "content_type": "image/png"}
TOKEN = {"allowed_apps": ["app"], "token_expiration": 60}
TASK = {"task": "fal/text-to-image", "model": "acme/app", "payload": PROMPT}
TARGET = "x-fal-target-url"
OPS = [
    Op("/queue/{path:path}", "POST", "/queue/acme/app", WRITE, PROMPT),
    Op("/queue/{path:path}", "GET", JOB, READ),
    Op("/queue/{path:path}", "GET", JOB + "/response", READ),
    Op("/queue/{path:path}", "GET", JOB + "/status?logs=1&attempts=1", READ),
    Op("/queue/{path:path}", "GET", JOB + "/status/stream?logs=1", READ),
    Op("/queue/{path:path}", "PUT", JOB + "/cancel", CANCEL),
    Op("/queue/{path:path}", "POST", JOB + "/cancel", CANCEL),
    Op("/api/fal/proxy", "GET", "/api/fal/proxy", None),
    Op(
        "/api/fal/proxy", "POST", "/api/fal/proxy", WRITE, PROMPT,
        {TARGET: "https://queue.fal.run/acme/app"},
    ),
    Op(
        "/api/fal/proxy", "GET", "/api/fal/proxy", READ, None,
        {TARGET: "https://queue.fal.run/acme/app/requests/{job}/status"},
    ),
    Op("/rest/storage/auth/token", "POST", "/rest/storage/auth/token", WRITE, {}),
    Op("/rest/storage/upload/initiate", "POST", "/rest/storage/upload/initiate", WRITE, FILE),
    Op(
        "/rest/storage/upload/initiate-multipart", "POST",
        "/rest/storage/upload/initiate-multipart", WRITE, FILE,
    ),
    Op("/cdn/files/upload", "POST", "/cdn/files/upload", WRITE, "bytes"),
    Op("/cdn/files/upload/multipart", "POST", "/cdn/files/upload/multipart", WRITE),
    Op("/rest/tokens/", "POST", "/rest/tokens/", WRITE, TOKEN),
    Op("/rest/tokens", "POST", "/rest/tokens", WRITE, TOKEN),
    Op("/run/{path:path}", "POST", "/run/acme/app", WRITE, PROMPT),
    Op("/run/{path:path}", "GET", "/run/acme/app?prompt=x", WRITE),
    Op("/run/{path:path}", "POST", "/run/acme/app/stream", WRITE, ["refused, else it runs on"]),
    Op("/run/{path:path}", "WEBSOCKET", "/run/acme/app/realtime", WRITE),
    Op("/v1/async-invoke", "POST", "/v1/async-invoke", WRITE, {"model_id": "acme/app", "input": PROMPT}),
    Op("/v1/async-invoke/{request_id}", "GET", "/v1/async-invoke/{job}", READ),
    Op("/v1/async-invoke/{request_id}/status", "GET", "/v1/async-invoke/{job}/status", READ),
    Op("/fal-ai/{path:path}", "POST", "/fal-ai/acme/app", WRITE, PROMPT),
    Op("/fal-ai/{path:path}", "GET", "/fal-ai/{job}", READ),
    Op("/v1/tasks", "POST", "/v1/tasks", WRITE, TASK),
    Op("/v1/tasks", "GET", "/v1/tasks", READ),
    Op("/v1/tasks/{request_id}", "GET", "/v1/tasks/{job}", READ),
    Op("/v1/tasks/{request_id}/cancel", "POST", "/v1/tasks/{job}/cancel", CANCEL),
    Op("/fal/requests/{request_id}", "GET", "/fal/requests/{job}", READ),
    Op("/fal/requests/{request_id}/status", "GET", "/fal/requests/{job}/status", READ),
    Op("/events", "POST", "/events", WRITE, {}),
    Op("/rest/.well-known/jwks.json", "GET", "/rest/.well-known/jwks.json", None),
    Op("/.well-known/jwks.json", "GET", "/.well-known/jwks.json", None),
    Op("/healthz", "GET", "/healthz", None),
    Op("/readyz", "GET", "/readyz", None),
    Op("/metrics", "GET", "/metrics", None),
    Op("/openapi.json", "GET", "/openapi.json?endpoint_id=acme/app", None),
    Op("/", "GET", "/", None),
]  # fmt: skip
CHAT = {"model": "acme/app", "messages": [{"role": "user", "content": SECRET}]}
GENERATE = {"model": "acme/app", "prompt": SECRET, "async": True}
THE_FILE = "/files/file-{job}"
OPENAI = [
    ("POST", "/chat/completions", "/chat/completions", WRITE, CHAT),
    ("POST", "/images/generations", "/images/generations", WRITE, GENERATE),
    ("POST", "/files", "/files", WRITE, {}),
    ("GET", "/files", "/files", READ, None),
    ("GET", "/files/{id}", THE_FILE, READ, None),
    ("GET", "/files/{id}/content", THE_FILE + "/content", READ, None),
    ("DELETE", "/files/{id}", THE_FILE, WRITE, None),
    ("GET", "/models", "/models", READ, None),
    ("GET", "/models/{model:path}", "/models/acme/app", READ, None),
    ("GET", "/requests/{id}", "/requests/{job}", READ, None),
    ("GET", "/requests/{id}/response", "/requests/{job}/response", READ, None),
    ("POST", "/requests/{id}/cancel", "/requests/{job}/cancel", CANCEL, None),
]  # fmt: skip
A_BATCH = "/batches/batch_{batch}"
OPENAI += [
    ("POST", "/batches", "/batches", WRITE, {}),
    ("GET", "/batches", "/batches", READ, None),
    ("GET", "/batches/{id}", A_BATCH + "?of={job}", READ, None),
    ("POST", "/batches/{id}/cancel", A_BATCH + "/cancel?of={job}", CANCEL, None),
]
OPS += [Op("/v1" + route, method, "/v1" + path, *more) for method, route, path, *more in OPENAI]
CALLS = (
    "/completions", "/embeddings", "/moderations", "/audio/speech", "/audio/transcriptions",
    "/audio/translations", "/images/edits", "/rerank", "/score",
)  # fmt: skip
"""What differs between them and a chat is data."""
TWINS = {"/openai/v1" + route: "/v1" + route for route in (*CALLS, *(op[1] for op in OPENAI))}
"""The same under another prefix."""
MANAGE = "keys:manage"
NATIVE = [
    ("POST", "/jobs", "/jobs", WRITE, {"endpoint": "acme/app", "input": PROMPT}),
    ("GET", "/jobs", "/jobs?limit=200", READ, None),
    ("GET", "/jobs/{job_id}", "/jobs/{job}", READ, None),
    ("GET", "/jobs/{job_id}/events", "/jobs/{job}/events", READ, None),
    ("POST", "/jobs/{job_id}/cancel", "/jobs/{job}/cancel", CANCEL, None),
    ("POST", "/jobs/{job_id}/retry", "/jobs/{job}/retry", WRITE, None),
    ("GET", "/endpoints", "/endpoints?state=local", READ, None),
    ("GET", "/endpoints/{endpoint_id:path}", "/endpoints/acme/app", READ, None),
    ("POST", "/files", "/files?name=a.txt", WRITE, "bytes"),
    ("GET", "/files", "/files", READ, None),
    ("POST", "/files/uploads", "/files/uploads", WRITE, {}),
    ("GET", "/files/{file_id}", THE_FILE, READ, None),
    ("DELETE", "/files/{file_id}", THE_FILE, WRITE, None),
    ("GET", "/webhooks", "/webhooks", READ, None),
    ("POST", "/webhooks/replay", "/webhooks/replay", WRITE, {"job_ids": ["{job}"]}),
    ("POST", "/webhooks/{job_id}/replay", "/webhooks/{job}/replay", WRITE, None),
    ("GET", "/keys", "/keys", MANAGE, None),
    ("POST", "/keys", "/keys", MANAGE, {"scopes": []}),
    ("POST", "/keys/{key_id}/rotate", "/keys/key-{job}/rotate", MANAGE, {}),
    ("DELETE", "/keys/{key_id}", "/keys/key-{job}", MANAGE, None),
]
OPS += [
    Op("/api" + route, method, "/api" + path, scope, body)
    for method, route, path, scope, body in NATIVE
]
GRAPH = {"nodes": [{"id": "draw", "model": "acme/app", "payload": PROMPT}]}
AN_AGENT, A_RUN = "/agents/agent-{job}", "/agent-runs/run-{job}"
AGENTS = [
    ("POST", "/agents", "/agents", WRITE, GRAPH),
    ("GET", "/agents", "/agents", READ, None),
    ("POST", "/agents/check", "/agents/check", READ, GRAPH),
    ("GET", "/agents/{agent_id}", AN_AGENT, READ, None),
    ("PUT", "/agents/{agent_id}", AN_AGENT, WRITE, GRAPH),
    ("DELETE", "/agents/{agent_id}", AN_AGENT, WRITE, None),
    ("POST", "/agents/{agent_id}/runs", AN_AGENT + "/runs", WRITE, {}),
    ("POST", "/agent-runs", "/agent-runs", WRITE, GRAPH),
    ("GET", "/agent-runs", "/agent-runs", READ, None),
    ("GET", "/agent-runs/{run_id}", A_RUN, READ, None),
    ("POST", "/agent-runs/{run_id}/cancel", A_RUN + "/cancel", CANCEL, None),
]
OPS += [
    Op("/api" + route, method, "/api" + path, scope, body)
    for method, route, path, scope, body in AGENTS
]
BY_GRANT = {
    prefix + "/files/{grant}/{key:path}" + more
    for prefix in ("", "/cdn")
    for more in ("", "/multipart/{upload}/complete", "/multipart/{upload}/{number}")
}
"""Routes whose URL is itself the key: tests/dialects/test_fal_storage.py."""
KEYED = [op for op in OPS if op.scope is not None]
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def name_of(op):
    return f"{op.method} {op.headers.get(TARGET, op.path)}"


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("matrix")
    settings = {"ingress": {"sync_timeout_s": 0.01}}
    with (
        services_in(folder, SystemClock(), **settings) as services,
        served(create_app(services)) as url,
    ):
        yield Stage(services, url)


@pytest.fixture(scope="module")
def key(stage):
    """``key("alice", scopes)`` is the text of a key."""
    made = {}

    def key(caller, scopes):
        wanted = (caller, tuple(scopes))
        if wanted not in made:
            services = stage.services
            text, record = keys.mint(
                pepper=services.pepper,
                caller=caller,
                name="",
                now=services.clock.now(),
                scopes=scopes,
            )
            services.keys.add(record)
            made[wanted] = text
        return made[wanted]

    return key


@pytest.fixture
def job(stage):
    """A finished job of alice's with something to read, and to cancel too late; a file of hers."""
    with stage.client() as client:
        job_id = submit(client, body=PROMPT)["request_id"]
    stage.tell(job_id, "log", message=SECRET, level="log")
    stage.fail(job_id, "worker_error", SECRET)
    stage.file(f"file-{job_id}", "alice", SECRET.encode())
    stage.services.keys.add(
        KeyRecord(
            id=f"key-{job_id}",
            caller="alice",
            secret_hash="",
            name=SECRET,
            created_at=1.0,
            scopes="",
        )
    )
    add_agent(stage.services, job_id)
    add_batch(stage.services, job_id)
    return job_id


def add_agent(services, job_id):
    """An agent of alice's and a run of it, named after the job."""
    definition, now = json.dumps(GRAPH), services.clock.now()
    services.agents.store.add(
        AgentRecord(
            id=f"agent-{job_id}",
            caller="alice",
            version=1,
            name=SECRET,
            definition=definition,
            created_at=now,
        )
    )
    ticket = Ticket(definition=GRAPH, given=PROMPT, endpoints={"draw": "acme/app"})
    services.members.open(
        Job(
            id=f"run-{job_id}",
            group_id=f"run-{job_id}",
            caller="alice",
            endpoint="group/agent-run",
            worker="-",
            origin="agents",
            input=ticket.text(),
            status=JobStatus.WAITING,
            created_at=now,
            due_at=now + 60,
            start_by=now + 60,
            run_timeout_s=60,
        )
    )


def batch_of(job_id):
    return uuid.uuid5(uuid.NAMESPACE_OID, job_id)


def add_batch(services, job_id):
    """A batch of alice's, named after the job."""
    own_id, now = str(batch_of(job_id)), services.clock.now()
    given = {"url": "/v1/embeddings", "file": "file-1", "window": "24h", "metadata": {"a": SECRET}}
    services.members.open(
        Job(
            id=own_id,
            group_id=own_id,
            caller="alice",
            endpoint="group/batch",
            worker="-",
            origin="openai",
            input=json.dumps({"file": "kept/file-1", "given": given}),
            status=JobStatus.WAITING,
            created_at=now,
            due_at=now + 60,
            start_by=now + 60,
            run_timeout_s=60,
        )
    )


def ask(stage, op, job_id, text):
    """Status and body; a socket's first words are read as the status they stand for."""
    path = op.path.replace("{job}", job_id).replace("{batch}", batch_of(job_id).hex)
    headers = {name: value.replace("{job}", job_id) for name, value in op.headers.items()}
    if op.method == "WEBSOCKET":
        return spoken_to(stage, path, text)
    body = op.body.encode() if isinstance(op.body, str) else None
    document = json.loads(json.dumps(op.body).replace("{job}", job_id))
    with stage.client(text) as client:
        reply = client.request(
            op.method, path, headers=headers, content=body, json=None if body else document
        )
    return reply.status_code, reply.text + str(dict(reply.headers))


def spoken_to(stage, path, text):
    headers = {"Authorization": f"Key {text}"} if text else {}
    url = stage.url.replace("http", "ws", 1) + path
    with connect(url, additional_headers=headers, open_timeout=DEADLINE_S, proxy=None) as socket:
        with contextlib.suppress(ConnectionClosedOK):  # it may have been refused by now
            socket.send("no JSON at all")
        said = json.loads(socket.recv(timeout=DEADLINE_S))
    words = said.get("error", "").upper()
    return {"UNAUTHORIZED": 401, "UNAUTHORISED": 403}.get(words, 200), json.dumps(said)


def test_every_route_is_listed_here_and_every_line_here_is_a_route(stage):
    routes = {route.path for route in create_app(stage.services).routes}

    assert routes == {op.route for op in OPS} | BY_GRANT | set(TWINS) | set(TWINS.values())


def test_a_route_under_another_prefix_is_the_very_same(stage):
    found = {}
    for route in create_app(stage.services).routes:
        for method in getattr(route, "methods", ()):
            found[route.path, method] = route.endpoint

    for (path, method), endpoint in found.items():
        if path in TWINS:
            assert endpoint is found[TWINS[path], method]
    for path in CALLS:
        chat, call = found["/v1/chat/completions", "POST"], found["/v1" + path, "POST"]
        assert call.__wrapped__.__code__ is chat.__wrapped__.__code__


@pytest.mark.parametrize("op", KEYED, ids=name_of)
def test_without_a_key_there_is_nothing_but_401(stage, job, op):
    for text in (None, "", "pl_live_wrong", "somebody", "x" * 300):
        status, said = ask(stage, op, job, text)
        assert status == 401, said
        assert SECRET not in said


@pytest.mark.parametrize("op", KEYED, ids=name_of)
def test_a_key_without_the_scope_is_told_403_whatever_the_job(stage, key, job, op):
    for caller in ("alice", "mallory"):
        for scopes in (OTHER_SCOPES[op.scope], []):
            for job_id in (job, NOBODYS):
                status, said = ask(stage, op, job_id, key(caller, scopes))
                assert status == 403, said
                assert SECRET not in said


@pytest.mark.parametrize("op", KEYED, ids=name_of)
def test_the_one_scope_is_enough_for_ones_own(stage, key, job, op):
    status, said = ask(stage, op, job, key("alice", [op.scope]))

    assert status not in (401, 403, 404, 405), said


@pytest.mark.parametrize("op", [op for op in KEYED if "{job}" in str(op)], ids=name_of)
def test_another_callers_job_is_as_unknown_as_one_that_never_was(stage, key, job, op):
    answers = []
    for job_id in (job, NOBODYS):
        for scopes in ([op.scope], SCOPES):
            status, said = ask(stage, op, job_id, key("mallory", scopes))
            assert status == 404, said
            assert SECRET not in said
            words = said.split("{'")[0].replace(job_id, "ID")
            answers.append(words.replace(batch_of(job_id).hex, "ID"))

    assert len(set(answers)) == 1, "the words tell which jobs exist"
    assert stage.job(job).status == "failed"


@pytest.mark.parametrize("op", KEYED, ids=name_of)
def test_no_other_method_opens_a_route(stage, job, op):
    for method in METHODS:
        if op.method == "WEBSOCKET":
            continue
        status, said = ask(stage, op._replace(method=method, body=None), job, None)
        assert status in (401, 404, 405), f"{method}: {status} {said}"
        assert SECRET not in said


@pytest.mark.parametrize("op", [op for op in OPS if op.scope is None], ids=name_of)
def test_what_needs_no_key_tells_nothing_of_any_job(stage, job, op):
    status, said = ask(stage, op, job, None)

    assert status in (200, 400)
    assert SECRET not in said
    assert job not in said


@pytest.mark.parametrize("prefix", ["", "/cdn"])
def test_a_forged_grant_opens_no_file(stage, prefix):
    stage.artifact("somebodys")
    key, grant = "results/somebodys/1/a.png", "g." + "." + "A" * 22
    with stage.client() as client:
        for method, more in (
            ("GET", ""), ("PUT", ""), ("PUT", "/multipart/" + "0" * 32 + "/1"),
            ("POST", "/multipart/" + "0" * 32 + "/complete"),
        ):  # fmt: skip
            reply = client.request(
                method, f"{prefix}/files/{grant}/{key}{more}", json={"parts": []}
            )
            assert reply.status_code == 404, reply.text
