"""S3 itself: signatures, conditions and rules that emulators wave through."""

from __future__ import annotations

import io
import urllib.error
import urllib.request

import pytest

from pilotlight.adapters.aws import cards
from pilotlight.adapters.aws.blobs import S3Blobs
from pilotlight.adapters.aws.objects import Changed
from pilotlight.adapters.aws.uploads import SMALLEST_PART

pytestmark = pytest.mark.aws


@pytest.fixture
def blobs(stage):
    return S3Blobs(stage.bucket, secret=b"s" * 32, clock=stage.clock)


def put(blobs, key, body, **more):
    return blobs.put(key, body, content_type="text/plain", **more)


def status_of(url, **request):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, **request)) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_a_presigned_url_reads_and_a_changed_one_does_not(blobs):
    url = blobs.direct_get_url(put(blobs, "in/a b.txt", b"x"))

    assert status_of(url) == 200
    assert status_of(url.replace("x-pilotlight=%2Ffiles%2Fg", "x-pilotlight=%2Ffiles%2Fg1")) == 403
    assert status_of(url.partition("?")[0]) == 403


def test_a_presigned_url_ends(blobs, clock):
    url = blobs.direct_get_url(put(blobs, "in/short", b"x"), seconds=2)
    clock.sleep(4)

    assert status_of(url) == 403


def test_an_upload_must_be_of_the_type_that_was_signed(blobs):
    url = blobs.direct_put_url("in/cat.png", content_type="image/png")

    for kind, status in (("text/html", 403), ("image/png", 200)):
        sent = status_of(url, data=b"pixels", method="PUT", headers={"content-type": kind})
        assert sent == status
    assert blobs.info("in/cat.png").size == 6


def test_a_delete_spares_what_came_since(blobs, stage):
    put(blobs, "a", b"old")
    etag = stage.bucket.head("files/a")["ETag"]
    put(blobs, "a", b"new")

    assert not stage.bucket.delete_if("files/a", etag)
    assert blobs.info("a").size == 3


def test_a_text_is_written_once(stage):
    stage.bucket.put("texts/j/1", io.BytesIO(b"x"), size=1, IfNoneMatch="*")
    with pytest.raises(Changed):
        stage.bucket.put("texts/j/1", io.BytesIO(b"y"), size=1, IfNoneMatch="*")


def test_a_body_that_is_not_what_was_announced_is_refused(stage):
    with pytest.raises(Exception, match=r"BadDigest|InvalidRequest|checksum"):
        stage.bucket.put("files/bad", io.BytesIO(b"x"), size=1, ChecksumSHA256="A" * 43 + "=")


def test_parts_are_joined_and_read_from_anywhere(blobs):
    facts = {"content_type": "video/mp4", "file_name": "a.mp4", "expires_at": None}
    upload = blobs.start_parts("big", **facts)
    bodies = [b"a" * SMALLEST_PART, b"the end"]
    parts = [blobs.put_part("big", upload, n, [body]) for n, body in enumerate(bodies, 1)]
    info = blobs.finish_parts("big", upload, parts)

    assert info.size == SMALLEST_PART + 7
    with blobs.open("big") as file:
        file.seek(-7, io.SEEK_END)
        assert file.read() == b"the end"


def test_a_reader_keeps_what_it_opened(blobs):
    put(blobs, "k", b"a" * 10_000_000)
    with blobs.open("k") as file:
        put(blobs, "k", b"b" * 10_000_000)
        assert set(file.read()) == {ord("a")}


def test_the_bucket_takes_our_rules(stage, blobs, clock):
    stage.s3.put_bucket_lifecycle_configuration(
        Bucket=stage.bucket.name, LifecycleConfiguration={"Rules": cards.lifecycle()}
    )
    put(blobs, "k", b"x", expires_at=clock.now() + 86_400 * 3)

    tags = stage.s3.get_object_tagging(Bucket=stage.bucket.name, Key="files/k")["TagSet"]
    assert tags == [{"Key": "keep-days", "Value": "7"}]


def test_a_hostile_key_is_only_a_name(blobs):
    for key in ("../up", "a//b", "nul\0", "ü/\N{SNOWMAN}", "x" * 900):
        put(blobs, key, b"contained")
        with blobs.open(key) as file:
            assert file.read() == b"contained"
