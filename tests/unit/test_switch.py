from __future__ import annotations

import asyncio

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, Router

from handlers.switch import Switch


def says(word):
    async def endpoint(_request):
        return PlainTextResponse(word)

    return endpoint


ROUTES = [
    Route("/queue/{path:path}", says("queue"), methods=["POST"]),
    Route("/v1/models", says("models")),
    Route("/v1/{rest:path}", says("rest of v1")),
    Route("/{first}/last", says("any first")),
    Route("/files/{name}", says("file")),
    Route("/", says("landing")),
]


def ask(app, method, path):
    """Status, body and where it leads."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "http_version": "1.1", "method": method, "path": path, "root_path": "",
        "raw_path": path.encode(), "query_string": b"", "headers": [], "scheme": "http",
        "server": ("127.0.0.1", 80),
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))
    headers = dict(sent[0]["headers"])
    return sent[0]["status"], sent[1]["body"], headers.get(b"location"), headers.get(b"allow")


@pytest.fixture
def apps():
    plain, switched = Starlette(routes=ROUTES), Starlette()
    switched.router = Switch(ROUTES, lifespan=None)
    return plain, switched


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "path",
    ["/", "/queue/a/b", "/queue", "/queue/last", "/v1/models", "/v1/models/", "/v1/other", "/files/a",
     "/files/last", "/files/a/", "/nothing", "/nothing/last", "//", "/v1"],
)  # fmt: skip
def test_it_answers_as_a_plain_router_does(apps, method, path):
    plain, switched = apps
    assert ask(switched, method, path) == ask(plain, method, path)


def test_a_path_is_held_against_its_own_routes_alone(apps, monkeypatch):
    asked = []
    matches = Route.matches
    monkeypatch.setattr(
        Route, "matches", lambda self, scope: asked.append(self) or matches(self, scope)
    )

    assert ask(apps[1], "GET", "/files/a")[1] == b"file"

    assert [route.path for route in asked] == ["/{first}/last", "/files/{name}"]
    assert isinstance(apps[1].router, Router)
