"""Requests that are odd, but HTTP: compressed, in pieces, pipelined, with ids that are no words."""

from __future__ import annotations

import contextlib
import gzip
import json
import re
import socket

import pytest

from tests.dialects.stage import DEADLINE_S, KEY, until

BODY = json.dumps({"prompt": "hi"}).encode()
SUBMIT = "/queue/acme/app"


MARK = b"half a file "


def read(path):
    with contextlib.suppress(OSError):  # it went away meanwhile
        return path.read_bytes()[: len(MARK)]
    return b""


def spoken(stage, *requests, until):
    """What comes back for these bytes, up to the words that are waited for."""
    host, port = stage.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=DEADLINE_S) as line:
        line.sendall(b"".join(requests))
        said = b""
        while until not in said:
            chunk = line.recv(65536)
            assert chunk, said
            said += chunk
    return said


def request(method, path, *headers, body=b"", length=True):
    lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: Key {KEY}", *headers]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


@pytest.mark.parametrize(
    ("path", "tell"),
    [
        (SUBMIT, lambda said: said["error_type"]),
        ("/v1/chat/completions", lambda said: said["error"]["code"]),
        ("/api/jobs", lambda said: said["error"]["code"]),
    ],
)
def test_a_compressed_body_is_refused_in_words(client, path, tell):
    headers = {"content-encoding": "gzip", "content-type": "application/json"}
    reply = client.post(path, content=gzip.compress(BODY), headers=headers)

    assert reply.status_code == 415
    assert tell(reply.json()) == "unsupported_content_encoding"
    assert "Content-Encoding: gzip" in reply.text


def test_a_compressed_upload_is_refused_and_nothing_is_kept(client):
    headers = {"content-encoding": "br", "x-fal-file-name": "a.bin"}
    reply = client.post("/cdn/files/upload", content=b"packed", headers=headers)

    assert (reply.status_code, reply.json()["error_type"]) == (415, "unsupported_content_encoding")
    assert client.get("/api/files").json()["files"] == []


def test_a_body_that_says_it_is_not_compressed_is_taken(client):
    headers = {"content-encoding": "identity", "content-type": "application/json"}
    assert client.post(SUBMIT, content=BODY, headers=headers).status_code == 200


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_json_is_json_whatever_its_content_type_says(client, kind):
    headers = {} if kind is None else {"content-type": kind}
    assert client.post(SUBMIT, content=BODY, headers=headers).status_code == 200


def test_a_body_in_chunks_of_any_size_is_one_body(stage):
    pieces = b"".join(b"%x\r\n%c\r\n" % (1, byte) for byte in BODY) + b"0\r\n\r\n"
    asked = request("POST", SUBMIT, "Transfer-Encoding: chunked", length=False)

    assert b'"status":"IN_QUEUE"}' in spoken(stage, asked, pieces, until=b"}")


@pytest.mark.parametrize("size", [0, 1, 300_000])
def test_an_upload_may_come_without_its_length(client, size):
    pieces = (b"x" * min(7_000, size - at) for at in range(0, size, 7_000))
    url = client.post("/cdn/files/upload", content=pieces).json()["access_url"]
    assert client.get(url).content == b"x" * size
    said = client.post("/rest/storage/upload/initiate", json={"file_name": "a"}).json()
    assert client.put(said["upload_url"], content=iter([b"ab", b"c"])).status_code == 200
    assert client.get(said["file_url"]).content == b"abc"


def test_an_upload_that_stops_in_the_middle_leaves_nothing(stage, tmp_path):
    """Not a file, and not half of one."""
    host, port = stage.url.removeprefix("http://").split(":")
    head = request("POST", "/cdn/files/upload", "Transfer-Encoding: chunked", length=False)

    def kept():
        return [path for path in tmp_path.rglob("*") if path.is_file() and MARK in read(path)]

    with socket.create_connection((host, int(port)), timeout=DEADLINE_S) as line:
        line.sendall(head + b"%x\r\n%s\r\n" % (len(MARK) * 40_000, MARK * 40_000))
        until(kept)
    until(lambda: not kept())


def test_who_asks_before_sending_is_told_to_go_on(stage):
    asked = request("POST", SUBMIT, "Expect: 100-continue", body=BODY)

    said = spoken(stage, asked, until=b'"IN_QUEUE"}')
    assert said.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")


def test_who_has_no_key_is_told_so_before_sending(stage):
    asked = b"POST %s HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n"

    said = spoken(stage, asked % SUBMIT.encode(), until=b"}")
    assert said.startswith(b"HTTP/1.1 401")


def test_requests_that_come_at_once_are_answered_in_their_order(stage):
    first = request("POST", SUBMIT, body=BODY)
    last = request("GET", "/healthz")

    said = spoken(stage, first, request("GET", "/v1/models/tests/nothing"), last, until=b'"ok"}')
    assert re.findall(rb"HTTP/1.1 (\d+)", said) == [b"200", b"404", b"200"]


def test_a_question_about_the_server_itself_is_no_defect(stage):
    said = spoken(stage, request("OPTIONS", "*"), until=b"}")
    assert said.startswith(b"HTTP/1.1 404")


@pytest.mark.parametrize("strange", ["%ff%fe", "%C3%A9", "a" * 500])
@pytest.mark.parametrize("verb", ["", "/status", "/cancel"])
def test_an_id_that_no_header_could_hold_is_merely_unknown(client, strange, verb):
    method = "PUT" if verb == "/cancel" else "GET"
    reply = client.request(method, f"/queue/acme/app/requests/{strange}{verb}")

    assert (reply.status_code, reply.json()["status"]) == (404, "NOT_FOUND")
    assert len(reply.headers["x-fal-request-id"]) == 36


def test_an_id_cannot_write_headers(client):
    for path in ("/queue/acme/app/requests/", "/v1/requests/", "/v1/tasks/requests/"):
        reply = client.get(f"{path}x%0d%0aset-cookie:%20a=b")
        assert reply.status_code == 404
        assert "set-cookie" not in reply.headers


def test_a_slash_in_an_id_may_be_written_as_one_or_not(client):
    assert client.post("/queue/acme%2Fapp", json={"prompt": "hi"}).status_code == 200
    assert client.post("/queue/acme/app/", json={"prompt": "hi"}).status_code == 200
