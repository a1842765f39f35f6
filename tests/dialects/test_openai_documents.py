"""What the dialect says of itself in ``/openapi.json``."""

from __future__ import annotations

import pytest

from handlers.dialects.openai import DIALECT
from tests.contracts.test_openapi import refs, resolve


@pytest.fixture
def document(client):
    return client.get("/openapi.json").json()


def test_every_route_is_documented_and_every_reference_leads_somewhere(document):
    assert all(resolve(document, ref) for ref in set(refs(document)))
    for route in DIALECT.routes:
        if route.path.startswith("/openai/") or route.path in ("/rerank", "/score"):
            continue
        told = document["paths"][route.path.replace(":path}", "}")]
        for method in route.methods - {"HEAD"}:
            operation = told[method.lower()]
            assert operation["tags"] == ["openai"]
            named = {one["name"] for one in operation["parameters"]}
            assert named == set(route.param_convertors)


def test_a_call_says_what_it_takes_in_every_form(document):
    chat = document["paths"]["/v1/chat/completions"]["post"]
    (contract, ours) = chat["requestBody"]["content"]["application/json"]["schema"]["allOf"]
    assert resolve(document, contract["$ref"])["required"] == ["messages"]
    assert {"model", "async", "webhook"} == set(ours["properties"])
    assert {"200", "202", "400", "401", "404", "429"} == set(chat["responses"])
    heard = document["paths"]["/v1/audio/transcriptions"]["post"]["requestBody"]["content"]
    assert set(heard) == {"application/json", "multipart/form-data"}
    said = document["paths"]["/v1/audio/speech"]["post"]["responses"]["200"]["content"]
    assert set(said) == {"audio/*", "text/event-stream"}
