"""``v3.fal.media``: how a file is read, by browsers, players and our own workers."""

from __future__ import annotations

import json

import pytest


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
