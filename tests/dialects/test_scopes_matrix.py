"""Every route of the app x every scope x own and foreign caller: nobody gets more than is theirs.

What a route is for stands in ``operations.py``; the route table says which routes there are, and
a route that is in only one of the two fails the first test.
"""

from __future__ import annotations

import contextlib
import json
import uuid

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
from tests.dialects.operations import (
    BY_GRANT,
    CALLS,
    GRAPH,
    KEYED,
    OPS,
    PROMPT,
    SECRET,
    TARGET,
    TWINS,
)
from tests.dialects.stage import DEADLINE_S, Stage, served, services_in, submit

OTHER_SCOPES = {scope: [other for other in SCOPES if other != scope] for scope in SCOPES}
NOBODYS = "job-nobody-has"
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
    add_response(stage.services, job_id)
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


def add_response(services, job_id):
    """A response of alice's that waits for its worker, named after the job."""
    now = services.clock.now()
    services.store.create(
        [
            Job(
                id=f"said-{job_id}",
                caller="alice",
                endpoint="acme/app",
                worker="pictures",
                origin="openai",
                options=json.dumps({"op": "responses", "asked": {"instructions": SECRET}}),
                input=json.dumps(PROMPT),
                status=JobStatus.QUEUED,
                created_at=now,
                due_at=now + 60,
                start_by=now + 60,
                run_timeout_s=60,
            )
        ]
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
