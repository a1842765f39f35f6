"""``rest.fal.ai`` and ``v3.fal.media``: how large, how long, under which name."""

from __future__ import annotations

import hashlib
import json

import pytest

from handlers import bodies
from handlers.app import create_app
from pilotlight.settings import IngressSettings
from tests.dialects.fal_uploads import HOUR, bearer, cdn_token, initiate
from tests.dialects.stage import Stage, served, services_in


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
    ("name", "label"),
    [("日本.png", "file.png"), ("ünï.txt", "n_.txt"), (".png", "png"), ("日本", "upload.bin")],
)
def test_a_name_in_other_letters_keeps_its_extension(client, name, label):
    assert initiate(client, file_name=name)["file_url"].rpartition("/")[2] == label


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


@pytest.mark.parametrize(
    ("size", "elapsed_s", "patience_s"),
    [
        pytest.param(0, 0, 60, id="at first"),
        pytest.param(0, 59, 1, id="nothing for a minute"),
        pytest.param(10, 61, -1, id="a byte now and then"),
        pytest.param(800_000, 100, 60, id="a slow line"),
        pytest.param(800_000, 160, 0, id="a line that became too slow"),
        pytest.param(5 * 1024**3, 3600, 60, id="a fast line"),
    ],
)
def test_a_body_may_be_slow_and_not_drip(size, elapsed_s, patience_s):
    assert bodies.patience_s(size, elapsed_s) == pytest.approx(patience_s, abs=0.01)


def test_an_upload_that_drips_is_given_up_and_nothing_of_it_is_kept(
    stage, client, anybody, monkeypatch
):
    monkeypatch.setattr(bodies, "patience_s", lambda size, _elapsed_s: 60 if size < 3 else 0)
    said = initiate(client)

    def drips():
        for _ in range(10):
            yield b"x"

    reply = anybody.put(said["upload_url"], content=drips())

    assert (reply.status_code, reply.json()["code"]) == (408, "interrupted")
    assert anybody.get(said["file_url"]).status_code == 404
