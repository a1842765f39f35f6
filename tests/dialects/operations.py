"""What each route of the app can be asked, and the scope that it takes."""

from __future__ import annotations

from typing import NamedTuple

SECRET = "a lighthouse nobody else may read of"
WRITE, READ, CANCEL = "jobs:write", "jobs:read", "jobs:cancel"
JOB = "/queue/acme/app/requests/{job}"


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
    Op("/rest/tokens/realtime", "POST", "/rest/tokens/realtime", WRITE, TOKEN),
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
    ("GET", "/responses/{id}", "/responses/resp_said-{job}", READ, None),
    ("POST", "/responses/{id}/cancel", "/responses/resp_said-{job}/cancel", CANCEL, None),
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
    "/completions", "/responses", "/embeddings", "/moderations", "/audio/speech", "/audio/transcriptions",
    "/audio/translations", "/images/edits", "/rerank", "/score",
)  # fmt: skip
"""What differs between them and a chat is data."""
TWINS = {"/openai/v1" + route: "/v1" + route for route in (*CALLS, *(op[1] for op in OPENAI))}
TWINS |= {route: "/v1" + route for route in ("/rerank", "/score")}
"""The same under another prefix."""
OPS.append(Op("/v2/rerank", "POST", "/v2/rerank", WRITE, {"model": "acme/app"}))
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
