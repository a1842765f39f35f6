"""``/v1/files`` on the wire."""

from __future__ import annotations

import socket

import pytest
from starlette import formparsers

from handlers.app import create_app
from handlers.dialects.openai import forms
from tests.dialects.stage import DEADLINE_S, Stage, served, services_in, until


def upload(client, data=b'{"a":1}\n', prefix="/v1", **fields):
    fields = {"purpose": "batch"} | fields
    return client.post(prefix + "/files", data=fields, files={"file": ("lines.jsonl", data)})


def test_a_file_is_uploaded_described_read_and_deleted(stage, client):
    made = upload(client).json()
    place = f"/v1/files/{made['id']}"

    assert made == {
        "id": made["id"],
        "object": "file",
        "bytes": 8,
        "created_at": int(stage.services.clock.now()),
        "expires_at": None,
        "filename": "lines.jsonl",
        "purpose": "batch",
        "status": "processed",
        "status_details": None,
    }
    assert made["id"].startswith("file-")
    assert client.get(place).json() == made
    content = client.get(f"/openai{place}/content")
    assert content.content == b'{"a":1}\n'
    assert content.headers["x-content-type-options"] == "nosniff"
    with stage.services.files.open(made["id"], caller="alice") as lines:
        assert list(lines) == [b'{"a":1}\n']
    gone = {"id": made["id"], "object": "file", "deleted": True}
    assert client.delete(place).json() == gone
    for method in ("GET", "DELETE"):
        reply = client.request(method, place)
        assert (reply.status_code, reply.json()["error"]["code"]) == (404, "file_not_found")


def test_a_strangers_file_is_as_unknown_as_none(client, stranger):
    place = f"/v1/files/{upload(client).json()['id']}"

    for path in (place, place + "/content"):
        assert stranger.get(path).status_code == 404
    assert stranger.delete(place).status_code == 404
    assert stranger.get("/v1/files").json()["data"] == []
    assert client.get(place).status_code == 200


def test_lists_go_page_by_page(client, clock):
    ids = []
    for purpose in ("batch", "vision", "batch"):
        ids.append(upload(client, purpose=purpose).json()["id"])
        clock.sleep(1)

    first = client.get("/v1/files?limit=2").json()
    assert [one["id"] for one in first["data"]] == [ids[2], ids[1]]
    assert (first["has_more"], first["first_id"], first["last_id"]) == (True, ids[2], ids[1])
    rest = client.get(f"/v1/files?limit=2&after={ids[1]}").json()
    assert ([one["id"] for one in rest["data"]], rest["has_more"]) == ([ids[0]], False)
    chosen = client.get("/v1/files?purpose=batch&order=asc").json()["data"]
    assert [one["id"] for one in chosen] == [ids[0], ids[2]]


def test_a_file_may_be_given_a_time_to_live(client, clock):
    fields = {"expires_after[anchor]": "created_at", "expires_after[seconds]": "3600"}
    made = upload(client, **fields).json()
    assert made["expires_at"] == made["created_at"] + 3600

    clock.sleep(3600)
    assert client.get(f"/v1/files/{made['id']}").status_code == 404
    assert client.get("/v1/files").json()["data"] == []


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"purpose": "fun"}, "purpose"),
        ({"expires_after[seconds]": "5"}, "expires_after.seconds"),
        ({"expires_after[seconds]": "soon"}, "expires_after.seconds"),
        ({"expires_after": "later"}, "expires_after.seconds"),
    ],
)
def test_a_wrong_field_is_named(client, fields, param):
    reply = upload(client, **fields)

    assert (reply.status_code, reply.json()["error"]["param"]) == (400, param)
    assert client.get("/v1/files").json()["data"] == []


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"{}", "application/json"),
        (b"nothing of the kind", "multipart/form-data"),
        (b"nothing of the kind", "multipart/form-data; boundary=x"),
        (b"--x\r\nContent-Disposition: form-data\r\n\r\n\r\n--x--\r\n", "multipart/form-data; boundary=x"),
        (b'--x\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--x--\r\n',
         "multipart/form-data; boundary=x"),
        (b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhalf a fi',
         "multipart/form-data; boundary=x"),
        ((b'--x\r\nContent-Disposition: form-data; name="purpose[]"\r\n\r\nbatch\r\n'
         b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n{}\r\n--x--\r\n'),
         "multipart/form-data; boundary=x"),
        (b"--x--\r\n", "multipart/form-data; boundary=x; charset=nonsense"),
    ],
)  # fmt: skip
def test_what_is_no_form_with_a_file_is_a_400(client, content, kind):
    reply = client.post("/v1/files", content=content, headers={"content-type": kind})

    assert reply.status_code == 400, reply.text
    assert reply.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=10001", "order=up"])
def test_a_list_that_cannot_be_is_a_400(client, query):
    reply = client.get(f"/v1/files?{query}")

    assert reply.json()["error"]["param"] == query.partition("=")[0]


def test_too_large_a_file_is_refused_and_leaves_nothing(tmp_path, clock):
    with (
        services_in(tmp_path, clock, ingress={"max_upload_bytes": 1000}) as services,
        served(create_app(services)) as url,
        Stage(services, url).client() as client,
    ):
        for size in (1001, 3_000_000):
            reply = upload(client, b"x" * size)
            assert (reply.status_code, reply.json()["error"]["code"]) == (413, "body_too_large")
        assert services.files.list_files(caller="alice") == []


def test_a_large_file_is_on_disk_while_it_arrives(client, monkeypatch):
    """What starlette's parser hands on is the file it spooled to, never its bytes."""
    seen = []
    original = forms._sorted

    def look(data):
        form = original(data)
        seen.extend(file.file._rolled for files in form.files.values() for file in files)
        return form

    monkeypatch.setattr(forms, "_sorted", look)
    assert upload(client, bytes(3 * 1024 * 1024)).json()["bytes"] == 3 * 1024 * 1024
    assert seen == [True]


@pytest.mark.parametrize("length", [True, False], ids=["announced", "chunked"])
def test_an_upload_that_breaks_off_or_grows_too_large_leaves_no_file_open(
    tmp_path, clock, length, monkeypatch
):
    """What was spooled is closed at once, not when somebody collects the garbage."""
    opened = []
    original = formparsers.SpooledTemporaryFile

    def spooled(*args, **more):
        opened.append(original(*args, **more))
        return opened[-1]

    monkeypatch.setattr(formparsers, "SpooledTemporaryFile", spooled)
    body = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        + b"y" * 2_000_000
    )
    head = (
        "POST /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a key for tests\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n"
    )
    framing = "Content-Length: 3000000\r\n\r\n" if length else "Transfer-Encoding: chunked\r\n\r\n"
    sent = body if length else b"%x\r\n%s\r\n" % (len(body), body)
    with (
        services_in(tmp_path, clock, ingress={"max_upload_bytes": 5_000_000}) as services,
        served(create_app(services)) as url,
    ):
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=DEADLINE_S) as line:
            line.sendall((head + framing).encode() + sent)
            until(lambda: opened and opened[0]._rolled)
        until(lambda: opened[0].closed)
        assert services.files.list_files(caller="alice") == []
