"""The OpenAPI documents: of each endpoint, and of all."""

from __future__ import annotations

import pytest

from pilotlight.contracts.endpoints import KNOWN
from tests.contracts.test_fal_endpoints import PUBLISHED
from tests.references import refs


@pytest.fixture
def ask(staged):
    """Documents of a site where one worker serves its own endpoints and two others."""
    puts = (
        {"endpoint": "fal-ai/fast-sdxl", "rename": {"words": "prompt"}, "fixed": {"steps": 4}},
        {"endpoint": "fal-ai/imagen4/preview"},
    )
    with staged(*puts) as stage, stage.client(None) as anybody:

        def ask(endpoint=None):
            params = {"endpoint_id": endpoint} if endpoint else {}
            return anybody.get("/openapi.json", params=params)

        ask.url = stage.url
        yield ask


def resolve(document, ref):
    at = document
    for part in ref.removeprefix("#/").split("/"):
        at = at[part]
    return at


def shape(document, endpoint, kind):
    """The component behind an endpoint's request or result."""
    if kind == "input":
        said = document["paths"][f"/{endpoint}"]["post"]["requestBody"]
    else:
        path = f"/{endpoint}/requests/{{request_id}}"
        said = document["paths"][path]["get"]["responses"]["200"]
    return resolve(document, said["content"]["application/json"]["schema"]["$ref"])


def test_every_published_endpoint_has_a_document_in_the_published_order_of_fields(ask):
    for endpoint, published in PUBLISHED.items():
        document = ask(endpoint).json()

        for kind in ("input", "output"):
            if kind == "output" and endpoint == "fal-ai/imagen4/preview":
                continue  # its worker here gives something else, and the document says so
            component = shape(document, endpoint, kind)
            names = [one["name"] for one in published[kind]]
            assert component["x-fal-order-properties"] == names
            assert list(component["properties"]) == names
        assert all(resolve(document, ref) for ref in refs(document))
        assert document["servers"] == [{"url": ask.url + "/queue"}]
        assert document["info"]["x-fal-metadata"]["endpointId"] == endpoint
        assert (f"/{endpoint}/stream" in document["paths"]) == KNOWN[endpoint].streams


def test_a_document_says_who_serves_the_endpoint(ask):
    def said(endpoint):
        return ask(endpoint).json()["info"]["x-pilotlight"]

    assert said("acme/app") == {"state": "local", "worker": "pictures"}
    assert said("fal-ai/imagen4/preview") == {"state": "local", "worker": "pictures"}
    assert said("fal-ai/ovi") == {"state": "unrouted", "worker": None}


def test_a_routed_id_in_no_catalogue_is_documented_in_its_callers_words(ask):
    component = shape(ask("fal-ai/fast-sdxl").json(), "fal-ai/fast-sdxl", "input")

    assert "words" in component["properties"]
    assert component["required"] == ["words"]
    assert not {"prompt", "steps"} & set(component["properties"])


def test_limits_of_files_are_told(ask):
    endpoint = "fal-ai/moondream3-preview/detect"
    image = shape(ask(endpoint).json(), endpoint, "input")["properties"]["image_url"]

    assert image["format"] == "uri"
    assert image["limits"] == {
        "max_file_size": 50 * 1024**2, "max_width": 7000, "max_height": 7000, "timeout": 20,
    }  # fmt: skip


def test_the_whole_holds_every_endpoint_and_every_reference_in_it_leads_somewhere(ask):
    document = ask().json()

    for endpoint in (*KNOWN, "acme/app", "fal-ai/fast-sdxl"):
        assert {f"/run/{endpoint}", f"/queue/{endpoint}"} <= set(document["paths"])
    assert all(resolve(document, ref) for ref in set(refs(document)))
    assert document["openapi"] == "3.1.0"


def test_no_two_endpoints_share_a_name_in_the_whole(ask):
    document = ask().json()
    taken = {
        resolve(document, ref)["title"]
        for path, one in document["paths"].items()
        if path.startswith("/run/")
        for ref in refs(one["post"]["requestBody"])
    }

    assert len(taken) == len([path for path in document["paths"] if path.startswith("/run/")])


def test_a_document_of_nothing_is_a_404_with_the_nearest_id(ask):
    answer = ask("fal-ai/hidream-i1-ful")

    assert answer.status_code == 404
    assert "did you mean fal-ai/hidream-i1-full?" in answer.json()["detail"]
