"""The blob suite on S3, and what only S3 has: URLs of its own, parts that it joins, two readers."""

from __future__ import annotations

import hashlib
import io
import urllib.request

import pytest

from pilotlight.adapters.aws import cards
from pilotlight.adapters.aws.blobs import S3Blobs
from pilotlight.adapters.aws.uploads import SMALLEST_PART
from pilotlight.errors import SettingsError, Unavailable, UnknownFile
from tests.contract.blobs_suite import BlobsSuite, plain, read, start
from tests.contract.emulator import Faults

SECRET = b"s" * 32


def blobs_on(stage):
    return S3Blobs(stage.bucket, secret=SECRET, clock=stage.clock)


class TestS3BlobsOnMoto(BlobsSuite):
    @pytest.fixture
    def blobs(self, moto):
        return blobs_on(moto)


class TestS3BlobsOnMinistack(BlobsSuite):
    @pytest.fixture
    def blobs(self, ministack):
        return blobs_on(ministack)


@pytest.fixture
def blobs(aws):
    return blobs_on(aws)


def names(stage, prefix=""):
    return [name for name, _ in stage.bucket.list(prefix)]


def test_a_plain_key_is_its_objects_name_and_any_other_is_hashed(aws, blobs):
    for key in ("results/job/3/image.png", "results/../../up", "_hidden", "ü"):
        plain(blobs, key)

    assert "files/results/job/3/image.png" in names(aws)
    hashed = [name for name in names(aws) if name.rpartition("/")[2].startswith("_")]
    assert len(hashed) == 3
    assert any(name.startswith("files/results/_") for name in hashed)


def test_reading_can_begin_anywhere(blobs):
    plain(blobs, "k", bytes(range(256)) * 8000)

    with blobs.open("k") as file:
        file.seek(2_000_000)
        assert file.read(4) == bytes(range(128, 132))
        assert file.seek(-1, io.SEEK_END) == 256 * 8000 - 1
        assert file.read() == b"\xff"
        assert file.read() == b""
        file.seek(0)
        assert file.read(2) == b"\0\1"


def test_a_file_that_is_replaced_between_two_reads_is_not_mixed(blobs):
    plain(blobs, "k", b"a" * 3_000_000)
    with blobs.open("k") as file:
        file.read(10)
        plain(blobs, "k", b"b" * 3_000_000)
        file.seek(2_500_000)
        with pytest.raises(Unavailable, match="replaced"):
            file.read(1)


def test_a_sweep_that_is_late_spares_what_was_put_since(aws, blobs):
    plain(blobs, "k", b"old", expires_at=aws.clock.now() + 60)
    etag = aws.bucket.head("files/k")["ETag"]
    plain(blobs, "k", b"new")

    assert not aws.bucket.delete_if("files/k", etag)
    assert read(blobs, "k") == b"new"


def test_an_empty_file_is_a_file(blobs, tmp_path):
    plain(blobs, "k", b"")

    assert read(blobs, "k") == b""
    assert blobs.local_copy("k", tmp_path).read_bytes() == b""


def test_parts_that_are_large_enough_are_joined_by_s3_itself(aws, blobs):
    upload = start(blobs, expires_at=None)
    first, second = b"a" * SMALLEST_PART, b"the end"
    parts = [blobs.put_part("k", upload, n, [body]) for n, body in ((1, first), (2, second))]

    with aws.account.counted() as requests:
        info = blobs.finish_parts("k", upload, parts)

    assert info.sha256 == hashlib.sha256(first + second).hexdigest()
    assert blobs.info("k") == info
    assert read(blobs, "k") == first + second
    assert requests["UploadPartCopy"] == 2
    assert requests["PutObject"] == 0
    assert names(aws, "uploads/") == []


def test_a_body_too_large_for_one_request_goes_up_in_parts(aws, blobs, monkeypatch):
    monkeypatch.setattr("pilotlight.adapters.aws.objects._AT_ONCE", SMALLEST_PART)
    body = b"0123456789" * 1_100_000

    with aws.account.counted() as requests:
        info = plain(blobs, "k", body)

    assert requests["UploadPart"] == 3
    assert blobs.info("k") == info
    assert read(blobs, "k") == body


def test_a_url_of_s3s_reads_the_file_and_is_known_as_ours(ministack):
    blobs = blobs_on(ministack)
    url = blobs.direct_get_url(plain(blobs, "results/1/ü b.txt", b"pixels"))

    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"pixels"
    assert blobs.own_key(url) == "results/1/ü b.txt"
    with pytest.raises(UnknownFile):
        blobs.own_key(url.replace("x-pilotlight=%2Ffiles%2Fg", "x-pilotlight=%2Ffiles%2Fg9"))
    ministack.clock.sleep(3601)
    with pytest.raises(UnknownFile):
        blobs.own_key(url)


def test_a_url_of_s3s_lasts_a_day_at_most(aws, blobs):
    assert "X-Amz-Expires=86400" in blobs.direct_get_url(plain(blobs, "k"), seconds=1e9)


def test_what_a_caller_put_into_s3_directly_is_measured_once_and_expires(ministack):
    blobs, clock = blobs_on(ministack), ministack.clock
    until = clock.now() + 600
    url = blobs.direct_put_url("in/cat.png", content_type="image/png", object_expires_at=until)
    request = urllib.request.Request(
        url, data=b"pixels", method="PUT", headers={"content-type": "image/png"}
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200

    info = blobs.info("in/cat.png")
    assert (info.size, info.sha256) == (6, hashlib.sha256(b"pixels").hexdigest())
    assert (info.content_type, info.file_name) == ("image/png", "cat.png")
    assert info.expires_at == until
    with ministack.account.counted() as requests:
        assert blobs.info("in/cat.png") == info
    assert requests == {"HeadObject": 1}
    clock.sleep(600)
    assert blobs.sweep(now=clock.now()) == 1
    assert names(ministack) == []


def test_announced_uploads_may_lead_to_s3_itself(ministack):
    clock = ministack.clock
    blobs = S3Blobs(ministack.bucket, secret=b"s" * 32, clock=clock, direct=True)
    until = clock.now() + 600
    url = blobs.put_url(
        "in/a", base_url="https://ours", expires_at=clock.now() + 60, object_expires_at=until
    )
    assert url.startswith(ministack.account.endpoint_url)
    assert "X-Amz-Expires=60&" in url
    urllib.request.urlopen(urllib.request.Request(url, data=b"pixels", method="PUT")).close()

    assert blobs.info("in/a").expires_at == until
    read_at = blobs.get_url("in/a", base_url="https://ours", expires_at=until)
    assert blobs.own_key(read_at) == "in/a"
    with pytest.raises(UnknownFile, match="for uploading"):
        blobs.own_key(url)


def test_an_upload_that_nobody_ever_looked_at_expires_too(ministack):
    blobs, clock = blobs_on(ministack), ministack.clock
    blobs.direct_put_url("in/a", object_expires_at=clock.now() + 60)
    ministack.account.s3.put_object(Bucket=ministack.bucket.name, Key="files/in/a", Body=b"x")
    clock.sleep(60)

    assert blobs.sweep(now=clock.now()) == 1
    assert names(ministack) == []


def test_a_put_that_expires_is_tagged_for_the_lifecycle_rules(aws, blobs):
    plain(blobs, "k", expires_at=aws.clock.now() + 3 * 86_400)

    tags = aws.account.s3.get_object_tagging(Bucket=aws.bucket.name, Key="files/k")["TagSet"]
    assert tags == [{"Key": "keep-days", "Value": "7"}]
    aws.account.s3.put_bucket_lifecycle_configuration(
        Bucket=aws.bucket.name, LifecycleConfiguration={"Rules": cards.lifecycle()}
    )


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (503, "SlowDown", Unavailable),
        (400, "RequestTimeout", Unavailable),
        (400, "BadDigest", Unavailable),
        (400, "ExpiredToken", Unavailable),
        (400, "KMS.ThrottlingException", Unavailable),
        (403, "AccessDenied", SettingsError),
        (403, "RequestTimeTooSkewed", SettingsError),
    ],
)
def test_what_passes_by_itself_is_told_apart_from_what_the_owner_has_to_put_right(
    moto, status, code, kind
):
    faults = Faults(moto.bucket.s3)
    faults.answer("GetObject", status, code, times=3)
    try:
        with pytest.raises(kind, match=code):
            blobs_on(moto).open("k")
    finally:
        faults.clear()


def test_strange_names_and_types_fit_into_headers(blobs):
    name = "\N{SNOWMAN}" * 400 + ".png"
    info = blobs.put("k", b"x", content_type="text/ü\n", file_name=name)

    assert blobs.info("k") == info
    assert info.file_name.endswith(".png")
    assert info.content_type == "application/octet-stream"


def test_what_one_file_costs_in_requests(aws, blobs, tmp_path):
    with aws.account.counted() as requests:
        plain(blobs, "k")
        blobs.info("k")
        blobs.local_copy("k", tmp_path)
        read(blobs, "k")
    assert requests == {"PutObject": 1, "HeadObject": 1, "GetObject": 2}
