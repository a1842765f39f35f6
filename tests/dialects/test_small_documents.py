"""What the small dialects say of themselves in ``/openapi.json``."""

from __future__ import annotations

import pytest

from handlers.dialects import async_invoke, task_types, yescale
from tests.contracts.test_openapi import refs, resolve

DIALECTS = (async_invoke.DIALECT, yescale.DIALECT, task_types.DIALECT)


@pytest.fixture
def ask(stage, client):
    return lambda **which: client.get("/openapi.json", params=which).json()


def test_every_route_of_theirs_is_documented_and_every_reference_leads_somewhere(ask):
    document = ask()

    assert all(resolve(document, ref) for ref in set(refs(document)))
    for dialect in DIALECTS:
        for route in dialect.routes:
            told = document["paths"][route.path.replace(":path}", "}")]
            for method in route.methods - {"HEAD"}:
                operation = told[method.lower()]
                assert operation["tags"] == [dialect.name]
                named = {one["name"] for one in operation["parameters"]}
                assert named == set(route.param_convertors)


def test_an_endpoints_document_shows_how_each_dialect_calls_it_with_its_own_input(ask):
    document = ask(endpoint_id="acme/app")
    paths = document["paths"]

    def takes(path):
        return paths[path]["post"]["requestBody"]["content"]["application/json"]["schema"]

    own = {"$ref": "#/components/schemas/AcmeAppInput"}
    assert takes("/v1/async-invoke")["properties"]["input"] == own
    assert takes("/v1/async-invoke")["properties"]["model_id"] == {"const": "acme/app"}
    assert takes("/v1/tasks")["properties"]["payload"] == own
    assert takes("/fal-ai/acme/app") == own
    assert all(resolve(document, ref) for ref in set(refs(document)))
