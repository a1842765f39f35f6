"""A stream that something in front of the ingress has compressed is read like any other."""

from __future__ import annotations

import asyncio
import gzip

import pytest

from pilotlight.client import AsyncClient, Client
from tests.workers.upstream_server import Told, upstream_server

SAID = b'id: 1\nevent: log\ndata: {"line": "lit", "level": "INFO"}\n\n'


@pytest.fixture
def url():
    headers = {"Content-Type": "text/event-stream", "Content-Encoding": "gzip"}
    with upstream_server() as made:
        made.tell("GET /api/jobs/j/events", Told(body=gzip.compress(SAID), headers=headers))
        yield made.url


def test_it_is_read_in_place(url):
    with Client(url, "a-key") as client:
        event = next(client.events("j"))

    assert (event.id, event.kind, event.data["line"]) == ("1", "log", "lit")


def test_it_is_read_by_the_client_that_is_awaited(url):
    async def first():
        async with AsyncClient(url, "a-key") as client:
            return await anext(client.events("j"))

    assert asyncio.run(first()).data["line"] == "lit"
