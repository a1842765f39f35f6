"""``rest.fal.ai`` and ``v3.fal.media``: every way a client brings a file."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlsplit

import pytest

from tests.dialects.fal_uploads import bearer, cdn_token, initiate


def test_the_cdn_token_is_what_the_python_client_parses(stage, client, clock):
    token = cdn_token(client)

    assert set(token) == {"token", "token_type", "base_url", "expires_at"}
    assert token["base_url"] == stage.url + "/cdn"
    expires_at = datetime.fromisoformat(token["expires_at"])
    assert expires_at.tzinfo is not None
    assert expires_at.timestamp() == clock.now() + 3600


def test_a_file_in_one_post_can_be_read_by_anybody_who_has_its_url(client, anybody):
    headers = bearer(cdn_token(client)) | {
        "content-type": "image/png",
        "x-fal-file-name": "my cat.png",
    }
    url = anybody.post("/cdn/files/upload", content=b"pixels", headers=headers).json()["access_url"]
    reply = anybody.get(url)

    assert (reply.status_code, reply.content) == (200, b"pixels")
    assert reply.headers["content-type"] == "image/png"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["content-disposition"] == "inline; filename*=UTF-8''my_cat.png"


def test_the_cdn_takes_a_key_as_well(client, anybody):
    url = client.post("/cdn/files/upload", content=b"x").json()["access_url"]

    assert anybody.get(url).content == b"x"


@pytest.mark.parametrize("authorization", [None, "Bearer junk", "Bearer", "Key wrong", "Basic x"])
def test_the_cdn_takes_nothing_from_strangers(anybody, authorization):
    headers = {"authorization": authorization} if authorization else {}
    for path in ("/cdn/files/upload", "/cdn/files/upload/multipart"):
        assert anybody.post(path, content=b"x", headers=headers).status_code == 401


def test_a_token_for_an_app_is_no_token_for_the_cdn(client, anybody):
    token = client.post("/rest/tokens/", json={"allowed_apps": ["app"]}).json()
    reply = anybody.post(
        "/cdn/files/upload", content=b"x", headers={"authorization": f"Bearer {token}"}
    )

    assert reply.status_code == 401


def test_parts_in_any_order_become_the_file_of_the_url_that_was_given_first(client, anybody):
    headers = bearer(cdn_token(client)) | {
        "content-type": "video/mp4",
        "x-fal-file-name": "film.mp4",
    }
    begun = anybody.post("/cdn/files/upload/multipart", headers=headers).json()
    base = f"{begun['access_url']}/multipart/{begun['uploadId']}"
    parts = []
    for number, data in ((3, b"three"), (1, b"one,"), (2, b"two,")):
        reply = anybody.put(f"{base}/{number}", content=data, headers=headers)
        parts.append({"partNumber": number, "etag": reply.headers["etag"]})
    done = anybody.post(f"{base}/complete", json={"parts": parts}, headers=headers)
    reply = anybody.get(begun["access_url"])

    assert done.status_code == 200
    assert reply.content == b"one,two,three"
    assert reply.headers["content-type"] == "video/mp4"


def test_an_announced_file_is_put_without_a_key(client, anybody):
    said = initiate(client)
    before = anybody.get(said["file_url"])
    put = anybody.put(said["upload_url"], content=b"pixels", headers={"content-type": "image/png"})
    reply = anybody.get(said["file_url"])

    assert before.status_code == 404
    assert put.status_code == 200
    assert (reply.content, reply.headers["content-type"]) == (b"pixels", "image/png")


def test_a_put_may_carry_the_callers_key_as_the_python_client_does(client):
    assert client.put(initiate(client)["upload_url"], content=b"x").status_code == 200


def test_the_javascript_client_reads_each_parts_tag_as_json_and_appends_to_the_url(client, anybody):
    said = initiate(client, "initiate-multipart", content_type="video/mp4", file_name="film.mp4")
    assert not said["upload_url"].endswith("/")
    assert "?" not in said["upload_url"]
    parts = []
    for number, data in ((1, b"one,"), (2, b"two")):
        reply = anybody.put(f"{said['upload_url']}/{number}", content=data)
        assert reply.headers["content-type"] == "application/json"
        assert reply.json()["partNumber"] == number
        assert reply.json()["etag"] == reply.headers["etag"]
        parts.append(reply.json())
    done = anybody.post(said["upload_url"] + "/complete", json={"parts": parts})

    assert done.status_code == 200
    assert anybody.get(said["file_url"]).content == b"one,two"


def test_an_upload_url_ends_after_a_quarter_of_an_hour(client, anybody, clock):
    said = initiate(client)
    clock.sleep(15 * 60)

    assert anybody.put(said["upload_url"], content=b"x").status_code == 404


def test_a_url_for_reading_cannot_be_written_and_the_other_way_round(client, anybody):
    said = initiate(client)
    anybody.put(said["upload_url"], content=b"mine")

    assert anybody.put(said["file_url"], content=b"theirs").status_code == 403
    assert anybody.get(said["upload_url"]).status_code == 403
    assert anybody.get(said["file_url"]).content == b"mine"


def test_parts_need_the_upload_id_and_a_grant(client, anybody):
    said = initiate(client, "initiate-multipart")
    forged = said["upload_url"].rsplit("/", 1)[0] + "/" + "0" * 32
    path = urlsplit(said["upload_url"]).path
    other = path.replace("/files/g", "/files/g1", 1)

    assert anybody.put(forged + "/1", content=b"x").status_code == 404
    assert anybody.put(other + "/1", content=b"x").status_code == 404
    assert anybody.put(said["upload_url"] + "/0", content=b"x").status_code == 422
    assert anybody.put(said["upload_url"] + "/" + "9" * 5000, content=b"x").status_code == 422
    assert anybody.put(said["upload_url"] + "/one", content=b"x").status_code == 422


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"parts": 1}',
        b'{"parts": [1]}',
        b'{"parts": [{"partNumber": "1", "etag": "x"}]}',
        b'{"parts": [{"partNumber": true, "etag": "x"}]}',
        b'{"parts": [{"partNumber": 1, "etag": "x"}]}',
        b'{"parts": []}',
        b"[" * 100_000,
    ],
)
def test_a_list_of_parts_that_makes_no_sense_is_a_422(client, anybody, body):
    said = initiate(client, "initiate-multipart")
    anybody.put(said["upload_url"] + "/1", content=b"x")

    assert anybody.post(said["upload_url"] + "/complete", content=body).status_code == 422


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 200),
        (b"{", 422),
        (b"[]", 422),
        (b'{"file_name": 1}', 422),
        (b'{"content_type": {}}', 422),
    ],
)
def test_an_announcement_needs_words_or_nothing(client, body, status):
    reply = client.post("/rest/storage/upload/initiate?storage_type=gcs", content=body)

    assert reply.status_code == status
