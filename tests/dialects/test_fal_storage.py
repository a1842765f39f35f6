"""``rest.fal.ai`` and ``v3.fal.media``: every way a client brings a file, and how it is read."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from urllib.parse import urlsplit

import pytest

from handlers.app import create_app
from pilotlight.settings import IngressSettings
from tests.dialects.stage import Stage, served, services_in

MIB = 1024 * 1024
HOUR = json.dumps({"expiration_duration_seconds": 3600})


@pytest.fixture
def anybody(stage):
    """Somebody without a key."""
    with stage.client(None) as client:
        yield client


def cdn_token(client):
    reply = client.post("/rest/storage/auth/token?storage_type=fal-cdn-v3", json={})
    assert reply.status_code == 200, reply.text
    return reply.json()


def bearer(token, **more):
    return {"authorization": f"{token['token_type']} {token['token']}", **more}


def initiate(client, kind="initiate", headers=None, **body):
    body = {"file_name": "cat.png", "content_type": "image/png"} | body
    reply = client.post(
        f"/rest/storage/upload/{kind}?storage_type=fal-cdn-v3", json=body, headers=headers
    )
    assert reply.status_code == 200, reply.text
    return reply.json()


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


@pytest.mark.parametrize("header", ["X-Fal-Object-Lifecycle", "X-Fal-Object-Lifecycle-Preference"])
def test_every_way_in_honours_the_lifetime_and_the_bytes_go_with_it(
    stage, client, anybody, clock, header
):
    token = bearer(cdn_token(client))
    urls = [
        anybody.post("/cdn/files/upload", content=b"x", headers=token | {header: HOUR}).json()[
            "access_url"
        ]
    ]
    said = initiate(client, headers={header: HOUR})
    anybody.put(said["upload_url"], content=b"x")
    urls.append(said["file_url"])
    for begun in (
        anybody.post("/cdn/files/upload/multipart", headers=token | {header: HOUR}).json(),
        initiate(client, "initiate-multipart", headers={header: HOUR}),
    ):
        url = begun.get("access_url") or begun["file_url"]
        base = begun.get("upload_url") or f"{url}/multipart/{begun['uploadId']}"
        part = anybody.put(base + "/1", content=b"x").json()
        assert anybody.post(base + "/complete", json={"parts": [part]}).status_code == 200
        urls.append(url)
    clock.sleep(3599)
    assert [anybody.get(url).status_code for url in urls] == [200] * 4
    clock.sleep(2)

    assert [anybody.get(url).status_code for url in urls] == [404] * 4
    assert stage.services.blobs.sweep(now=clock.now()) == 4


def test_a_file_is_kept_for_good_when_nobody_says_otherwise(stage, client, anybody, clock):
    never = json.dumps({"expiration_duration_seconds": None})
    urls = [
        client.post("/cdn/files/upload", content=b"x", headers=headers).json()["access_url"]
        for headers in ({}, {"x-fal-object-lifecycle": never})
    ]
    clock.sleep(10 * 365 * 86400)

    assert [anybody.get(url).status_code for url in urls] == [200, 200]


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "..\\..\\windows\\system.ini",
        "a/b/c.png",
        "żółć ☃.png",
        "." * 300,
        'quo"te\r\n.png',
        "x" * 300 + ".png",
        "%2e%2e%2fx",
    ],
)
def test_a_hostile_file_name_is_only_a_label(stage, client, anybody, name):
    said = initiate(client, file_name=name)
    assert anybody.put(said["upload_url"], content=b"x").status_code == 200
    key = stage.services.blobs.own_key(said["file_url"])

    assert key.startswith("uploads/alice/")
    assert key.count("/") == 3
    assert ".." not in key
    assert len(key.rsplit("/", 1)[1]) <= 100
    assert anybody.get(said["file_url"]).content == b"x"


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


@pytest.mark.parametrize(
    ("content_type", "shown"),
    [
        ("image/png", "inline"),
        ("video/mp4", "inline"),
        ("audio/mpeg", "inline"),
        ("image/svg+xml", "attachment"),
        ("text/html", "attachment"),
        ("application/xhtml+xml", "attachment"),
        ("text/javascript", "attachment"),
        ("application/octet-stream", "attachment"),
        ("IMAGE/SVG+XML", "attachment"),
    ],
)
def test_nothing_that_a_browser_would_run_is_shown_in_place(client, anybody, content_type, shown):
    headers = {"content-type": content_type}
    url = client.post("/cdn/files/upload", content=b"<script>", headers=headers).json()[
        "access_url"
    ]
    reply = anybody.get(url)

    assert reply.headers["content-disposition"].startswith(shown)
    assert reply.headers["content-security-policy"].startswith("sandbox;")
    assert reply.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("wanted", "status", "content", "span"),
    [
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
        ("bytes=4-", 206, b"456789", "bytes 4-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=-99", 200, b"0123456789", None),
        ("bytes=8-99", 206, b"89", "bytes 8-9/10"),
        ("bytes=0-9", 200, b"0123456789", None),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=-0", 416, b"", "bytes */10"),
        ("bytes=5-2", 200, b"0123456789", None),
        ("bytes=0-1,4-5", 200, b"0123456789", None),
        ("bytes=x", 200, b"0123456789", None),
        ("bytes=-", 200, b"0123456789", None),
        ("bytes=" + "9" * 5000 + "-", 200, b"0123456789", None),
        ("lines=1-2", 200, b"0123456789", None),
    ],
)
def test_a_range_of_bytes_can_be_read(client, anybody, wanted, status, content, span):
    url = client.post("/cdn/files/upload", content=b"0123456789").json()["access_url"]
    reply = anybody.get(url, headers={"range": wanted})

    assert (reply.status_code, reply.content) == (status, content)
    assert reply.headers.get("content-range") == span
    assert reply.headers["content-length"] == str(len(content))


def test_a_range_of_an_older_file_gets_the_whole_new_one(client, anybody):
    url = client.post("/cdn/files/upload", content=b"0123456789").json()["access_url"]
    etag = anybody.head(url).headers["etag"]
    fresh = anybody.get(url, headers={"range": "bytes=0-1", "if-range": etag})
    stale = anybody.get(url, headers={"range": "bytes=0-1", "if-range": '"old"'})

    assert (fresh.status_code, stale.status_code) == (206, 200)
    assert anybody.get(url, headers={"if-none-match": etag}).status_code == 304


def test_a_head_has_the_facts_and_no_bytes(client, anybody):
    url = client.post("/cdn/files/upload", content=b"0123456789").json()["access_url"]
    reply = anybody.head(url)

    assert reply.status_code == 200
    assert reply.content == b""
    assert reply.headers["content-length"] == "10"
    assert reply.headers["accept-ranges"] == "bytes"


def test_an_empty_file_is_a_file(client, anybody):
    url = client.post("/cdn/files/upload", content=b"").json()["access_url"]
    reply = anybody.get(url)

    assert (reply.status_code, reply.content) == (200, b"")


def test_a_strange_content_type_cannot_break_the_reply(client, anybody):
    url = client.post(
        "/cdn/files/upload", content=b"x", headers={"content-type": b"text/plain; a=\xe9"}
    ).json()["access_url"]

    assert anybody.get(url).status_code == 200


def test_an_uploaded_file_as_an_input_is_used_without_fetching_it(stage, client):
    png = b"\x89PNG\r\n\x1a\n" + b"\0" * 64
    url = client.post(
        "/cdn/files/upload", content=png, headers={"content-type": "image/png"}
    ).json()["access_url"]
    reply = client.post("/queue/acme/app", json={"prompt": "a cat", "image_url": url})
    kept = json.loads(stage.job(reply.json()["request_id"]).input)["image_url"]

    assert kept == "blob:" + stage.services.blobs.own_key(url)


@pytest.fixture
def small(tmp_path, clock):
    """An ingress that takes little."""
    limits = IngressSettings(max_upload_bytes=1000, max_body_bytes=1000)
    with (
        services_in(tmp_path, clock, ingress=limits) as services,
        served(create_app(services)) as url,
    ):
        yield Stage(services, url)


def chunks(count):
    for _ in range(count):
        yield b"x" * 100


def test_an_upload_that_is_too_large_is_refused_and_not_kept(small):
    with small.client() as client:
        said = initiate(client)
        for content in (b"x" * 1001, chunks(11)):
            assert client.put(said["upload_url"], content=content).status_code == 413
        assert client.get(said["file_url"]).status_code == 404
        assert client.post("/cdn/files/upload", content=chunks(11)).status_code == 413
        assert client.put(said["upload_url"], content=chunks(10)).status_code == 200


def test_parts_that_are_too_large_together_are_refused(small):
    with small.client() as client:
        said = initiate(client, "initiate-multipart")
        assert client.put(said["upload_url"] + "/1", content=b"x" * 600).status_code == 200
        assert client.put(said["upload_url"] + "/2", content=b"x" * 600).status_code == 413


def test_a_large_upload_goes_to_disk_and_not_through_memory(stage, client):
    size = 150
    block = bytes(range(256)) * 4096
    said = initiate(client, content_type="video/mp4")
    before = peak_kib()
    put = client.put(said["upload_url"], content=(block for _ in range(size)))
    rise = peak_kib() - before
    digest = hashlib.sha256()
    for _ in range(size):
        digest.update(block)

    assert put.status_code == 200
    assert stage.services.blobs.info(stage.services.blobs.own_key(said["file_url"])).sha256 == (
        digest.hexdigest()
    )
    assert rise < 40 * 1024, f"memory rose by {rise} KiB for {size} MiB"


def peak_kib():
    """The most memory this process ever had; the server runs in it."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
