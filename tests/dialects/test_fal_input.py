"""Bad input, in fal's shape: named, cheap, and never a job."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from handlers.app import create_app
from pilotlight.errors import InvalidInput, MalformedBody
from pilotlight.intake import strict
from pilotlight.intake.validation import validate
from pilotlight.settings import IngressSettings
from tests.dialects.stage import Stage, served, services_in

PATHS = ["/queue/acme/app", "/run/acme/app", "/run/acme/app/stream"]
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 64


def post(client, body, path="/queue/acme/app"):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(path, content=content, headers={"content-type": "application/json"})


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("body", "loc", "kind"),
    [
        ({}, ["body", "prompt"], "missing"),
        ({"prompt": 1}, ["body", "prompt"], "string_type"),
        ({"prompt": "x", "steps": "many"}, ["body", "steps"], "int_parsing"),
        ({"prompt": "x", "steps": 0}, ["body", "steps"], "greater_than_equal"),
        ({"prompt": "x", "steps": 51}, ["body", "steps"], "less_than_equal"),
        ({"prompt": "x", "size": "huge"}, ["body", "size"], "literal_error"),
        ({"prompt": "x" * 1001}, ["body", "prompt"], "string_too_long"),
        ([], ["body"], "model_type"),
        ("text", ["body"], "model_type"),
        (None, ["body"], "model_type"),
    ],
)
def test_a_body_that_breaks_the_contract_names_its_field(stage, client, path, body, loc, kind):
    reply = post(client, body, path)
    said = reply.json()

    assert reply.status_code == 422
    assert said["detail"][0]["loc"] == loc
    assert said["detail"][0]["type"] == kind
    assert said["detail"][0]["msg"]
    assert said["detail"][0]["url"].endswith("#" + kind)
    assert said["message"]
    assert reply.headers["x-fal-request-id"]
    assert reply.headers["x-fal-error-type"] == kind
    assert stage.services.store.list_jobs() == []


@pytest.mark.parametrize(
    ("body", "position", "words"),
    [
        (b"{", 1, "line 1 column 2"),
        (b'{"prompt": "x",}', 15, "line 1 column 16"),
        (b'{"prompt":\n nope}', 12, "line 2 column 2"),
        (b"prompt=x", 0, "line 1 column 1"),
        (b'{"prompt": "\xff"}', 12, "UTF-8"),
        (b'{"prompt": "x"} more', 16, "Extra data"),
        (b"\x00", 0, "column 1"),
    ],
)
def test_a_body_that_is_not_json_is_told_where(client, body, position, words):
    reply = post(client, body)
    (item,) = reply.json()["detail"]

    assert reply.status_code == 422
    assert item["type"] == "json_invalid"
    assert item["loc"] == ["body", position]
    assert words in item["msg"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"prompt": "x", "prompt": "y"}', "'prompt' is there twice"),
        (b'{"prompt": "x", "extra": {"a": 1, "a": 1}}', "'a' is there twice"),
        (b'{"prompt": "x", "scale": NaN}', "NaN is not JSON"),
        (b'{"prompt": "x", "scale": -Infinity}', "-Infinity is not JSON"),
        (b'{"prompt": "x", "scale": 1e999}', "too large"),
        (b'{"prompt": "x", "scale": ' + b"9" * 5000 + b"}", "too many digits"),
        (b'{"prompt": "x", "extra": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested"),
        (b'{"extra": ' * 100_000 + b"1" + b"}" * 100_000, "nested"),
    ],
)
def test_json_that_two_readers_could_read_in_two_ways_is_refused(stage, client, body, words):
    reply = post(client, body)

    assert reply.status_code == 422
    assert reply.json()["detail"][0]["type"] == "json_invalid"
    assert words in reply.json()["detail"][0]["msg"]
    assert stage.services.store.list_jobs() == []


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("data:image/png;base64,%%%", "file_download_error"),
        ("data:image/png,plain", "file_download_error"),
        ("data:", "file_download_error"),
        ("data:image/png;base64," + base64.b64encode(b"<html>").decode(), "image_load_error"),
        ("file:///etc/passwd", "file_download_error"),
        ("cat.png", "file_download_error"),
    ],
)
def test_a_media_field_that_cannot_be_read_is_named(stage, client, url, kind):
    reply = post(client, {"prompt": "x", "image_url": url})
    (item,) = reply.json()["detail"]

    assert reply.status_code == 422
    assert item["loc"] == ["body", "image_url"]
    assert item["type"] == kind
    assert stage.services.store.list_jobs() == []


def test_a_data_uri_becomes_a_blob_of_ours(stage, client):
    uri = "data:image/png;base64," + base64.b64encode(PNG).decode()
    reply = post(client, {"prompt": "x", "image_url": uri})
    kept = json.loads(stage.job(reply.json()["request_id"]).input)["image_url"]

    assert kept.startswith("blob:inputs/alice/")
    with stage.services.blobs.open(kept.removeprefix("blob:")) as file:
        assert file.read() == PNG


def test_a_file_of_somebody_else_that_was_forged_into_a_url_is_refused(stage, client):
    url = stage.url + "/cdn/files/g..AAAAAAAAAAAAAAAAAAAAAA/uploads/mallory/1/secret.png"
    reply = post(client, {"prompt": "x", "image_url": url})

    assert reply.status_code == 422
    assert reply.json()["detail"][0]["loc"] == ["body", "image_url"]


@pytest.fixture
def small(tmp_path, clock):
    limits = IngressSettings(max_body_bytes=1000)
    with (
        services_in(tmp_path, clock, ingress=limits) as services,
        served(create_app(services)) as url,
    ):
        yield Stage(services, url)


def pieces(read):
    for _ in range(10_000):
        read.append(1)
        yield b"x" * 100


@pytest.mark.parametrize("path", PATHS)
def test_a_body_that_is_too_large_is_refused_by_its_length_or_while_it_comes(small, path):
    with small.client() as client:
        announced = client.post(path, content=b"x" * 1001)
        streamed = client.post(path, content=pieces([]))
        fits = client.post(path, content=b" " * 1000)

    assert announced.status_code == streamed.status_code == 413
    assert isinstance(announced.json()["detail"], str)
    assert fits.status_code == 422
    assert small.services.store.list_jobs() == []


@pytest.mark.parametrize(
    "path",
    [
        "/queue/nobody/nothing",
        "/run/nobody/nothing",
        "/run/nobody/nothing/stream",
        "/queue/single",
        "/queue/",
        "/queue//",
        "/queue/a//b",
        "/run/..%2f..%2fetc",
        "/queue/acme/app%00",
    ],
)
def test_a_path_that_names_no_endpoint_is_a_404(stage, client, path):
    reply = client.post(path, json={"prompt": "x"})

    assert reply.status_code == 404
    assert isinstance(reply.json()["detail"], str)
    assert stage.services.store.list_jobs() == []


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=200))
def test_no_body_makes_the_ingress_stumble(client, body):
    assert post(client, body).status_code in {200, 422}


MANY = strict.MOST_VALUES + 1
CROWDED = [
    pytest.param("[" + "0," * MANY + "0]", id="a list"),
    pytest.param("[" + ",".join(["[0,0,0,0,0,0,0,0,0]"] * (MANY // 8)) + "]", id="lists"),
    pytest.param("{" + ",".join(f'"{n}":0' for n in range(MANY + 1)) + "}", id="an object"),
]


@pytest.mark.parametrize("text", CROWDED)
def test_more_values_than_can_be_judged_one_by_one_are_refused_before_they_are(text):
    with pytest.raises(InvalidInput, match="more than 300000 values in one body; divide it"):
        strict.check(text.encode())


def test_commas_in_a_text_are_no_values():
    strict.check(json.dumps({"prompt": "," * MANY}).encode())


class Crowd(BaseModel):
    model_config = ConfigDict(extra="forbid")

    rows: list[dict[str, int]] = []


def test_a_body_that_is_wrong_in_thousands_of_places_is_told_of_its_beginning():
    body = json.dumps({"rows": [{"a": "x", "b": "y"}] * 5000}).encode()
    with pytest.raises(InvalidInput) as caught:
        validate(Crowd, body)

    assert caught.value.problems[0].loc == ("body", "rows", 0, "a")
    assert len(caught.value.problems) == 40
    assert "10000 problems" in str(caught.value)


def test_what_is_wrong_only_far_behind_is_counted():
    body = json.dumps({"rows": [{"a": 1}] * 100 + ["x"] * 5000}).encode()
    with pytest.raises(InvalidInput, match="body: 5000 problems; the first 1000 at most") as caught:
        validate(Crowd, body)

    assert len(caught.value.problems) == 1


def test_a_long_value_is_not_repeated_and_a_short_one_is():
    body = json.dumps({"rows": [{"a": ["x" * 400]}, {"a": ["x" * 400, "y" * 400]}]}).encode()
    with pytest.raises(InvalidInput) as caught:
        validate(Crowd, body)

    assert [problem.given for problem in caught.value.problems] == [["x" * 400], None]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)  # fmt: skip


@given(JSON)
def test_every_json_document_passes_the_strict_reader(value):
    strict.check(json.dumps(value).encode())
    strict.check(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))


@given(st.binary(max_size=100))
def test_the_strict_reader_takes_nothing_that_the_standard_library_refuses(body):
    try:
        json.loads(body.decode())
    except ValueError:
        with pytest.raises(MalformedBody):
            strict.check(body)
