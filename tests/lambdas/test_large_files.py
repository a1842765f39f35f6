"""What does not fit through a Lambda is read from S3 itself."""

from __future__ import annotations

import urllib.request
from urllib.parse import urlsplit

import pytest

from handlers import lambda_house
from handlers.passing import MOST_BYTES
from pilotlight.settings import WHOLE

LARGE = bytes(range(256)) * (MOST_BYTES // 256 + 1)


@pytest.fixture
def direct(stack, monkeypatch):
    """As the template sets it; S3 there knows one signer, who stands in the environment."""
    own = {"direct_files": True, "emulated": False}
    aws = stack.settings.aws.model_copy(update=own)
    settings = stack.settings.model_copy(update={"aws": aws})
    monkeypatch.setenv(WHOLE, settings.model_dump_json())
    return stack


def kept(body):
    blobs = lambda_house.services().blobs
    blobs.put("results/1/film.mp4", body, content_type="video/mp4", file_name="film.mp4")
    url = blobs.get_url("results/1/film.mp4", base_url="https://ours", expires_at=None)
    return urlsplit(url).path


def fetched(url, **headers):
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
        return answer.status, answer.read()


def test_a_large_file_is_read_where_it_lies_whole_or_in_part(direct):
    path = kept(LARGE)

    answer = direct.ask("GET", path)

    assert (answer["statusCode"], answer["body"]) == (307, "")
    assert answer["headers"]["cache-control"] == "no-store"
    there = answer["headers"]["location"]
    assert there.startswith(direct.settings.aws.endpoint_url)
    assert fetched(there) == (200, LARGE)
    assert fetched(there, range="bytes=256-261") == (206, bytes(range(6)))


def test_what_fits_through_is_answered_by_the_ingress(direct):
    path = kept(LARGE)

    assert direct.ask("HEAD", path)["headers"]["content-length"] == str(len(LARGE))
    part = direct.ask("GET", path, range="bytes=0-9")
    assert (part["statusCode"], part["headers"]["content-length"]) == (206, "10")
    assert direct.ask("GET", kept(LARGE[:MOST_BYTES]))["statusCode"] == 200


def test_an_ingress_that_is_no_lambda_answers_all_of_it(stack):
    answer = stack.ask("GET", kept(LARGE))

    assert (answer["statusCode"], answer["headers"]["content-length"]) == (200, str(len(LARGE)))


def test_a_large_output_of_a_batch_is_read_there_too(direct):
    key, files = direct.key(), lambda_house.services().files
    made = files.keep(
        LARGE, caller="alice", name="out.jsonl", purpose="batch_output", content_type="text/plain"
    )

    answer = direct.ask("GET", f"/v1/files/{made.id}/content", key=key)

    assert answer["statusCode"] == 307
    assert fetched(answer["headers"]["location"]) == (200, LARGE)
    assert (
        direct.ask("GET", f"/v1/files/{made.id}/content", key=direct.key("bob"))["statusCode"]
        == 404
    )
