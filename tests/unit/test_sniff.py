"""Content types from first bytes."""

import io
import struct
import tarfile
import zipfile

import pytest

from pilotlight.contracts.sniff import HEAD_BYTES, matches, sniff


def a_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.png", b"x")
    return buffer.getvalue()


def a_tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.png"))
    return buffer.getvalue()


def ftyp(major: bytes, *compatible: bytes) -> bytes:
    brands = b"".join(compatible)
    return struct.pack(">I", 16 + len(brands)) + b"ftyp" + major + bytes(4) + brands + bytes(64)


SAFETENSORS = struct.pack("<Q", 64) + b'{"__metadata__":{}' + b" " * 46
SAMPLES = [
    (b"\x89PNG\r\n\x1a\n" + bytes(20), "image/png", "image"),
    (b"\xff\xd8\xff\xe0\x00\x10JFIF", "image/jpeg", "image"),
    (b"GIF87a" + bytes(20), "image/gif", "image"),
    (b"GIF89a" + bytes(20), "image/gif", "video"),
    (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "image/webp", "image"),
    (ftyp(b"avif", b"mif1"), "image/avif", "image"),
    (ftyp(b"mif1", b"miaf", b"avif"), "image/avif", "image"),
    (ftyp(b"heic", b"mif1"), "image/heic", "file"),
    (b"BM\x46\x00\x00\x00\x00\x00\x00\x00\x36", "image/bmp", "image"),
    (b"II*\x00\x08\x00", "image/tiff", "image"),
    (b"MM\x00*\x00\x08", "image/tiff", "image"),
    (b"RIFF\x24\x00\x00\x00WAVEfmt ", "audio/wav", "audio"),
    (b"RF64\xff\xff\xff\xffWAVEds64", "audio/wav", "audio"),
    (b"ID3\x04\x00\x00", "audio/mpeg", "audio"),
    (b"\xff\xfb\x90\x64", "audio/mpeg", "audio"),
    (b"\xff\xf3\x40\xc0", "audio/mpeg", "audio"),
    (b"fLaC\x00\x00\x00\x22", "audio/flac", "audio"),
    (b"OggS\x00\x02" + bytes(22) + b"OpusHead", "audio/ogg", "audio"),
    (b"\xff\xf1\x50\x80", "audio/aac", "audio"),
    (b"\xff\xf9\x50\x80", "audio/aac", "audio"),
    (ftyp(b"M4A ", b"isom"), "audio/mp4", "audio"),
    (ftyp(b"isom", b"mp41"), "video/mp4", "video"),
    (ftyp(b"mp42"), "video/mp4", "audio"),
    (ftyp(b"qt  "), "video/quicktime", "video"),
    (b"\x00\x00\x10\x00moov\x00\x00", "video/quicktime", "video"),
    (b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x84webm", "video/webm", "video"),
    (b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x88matroska", "video/x-matroska", "video"),
    (b"RIFF\x10\x00\x00\x00AVI LIST", "video/x-msvideo", "video"),
    (a_zip(), "application/zip", "archive"),
    (b"PK\x05\x06" + bytes(18), "application/zip", "archive"),
    (a_tar(), "application/x-tar", "archive"),
    (b"\x1f\x8b\x08\x00" + bytes(10), "application/gzip", "archive"),
    (SAFETENSORS, "application/x-safetensors", "weights"),
    (b"%PDF-1.7\n", "application/pdf", "file"),
    (b"glTF\x02\x00\x00\x00", "model/gltf-binary", "file"),
]


@pytest.mark.parametrize(("head", "content_type", "kind"), SAMPLES)
def test_a_file_is_known_by_its_first_bytes_and_may_stand_where_its_kind_is_asked(
    head, content_type, kind
):
    assert sniff(head) == content_type
    assert sniff(head[:HEAD_BYTES]) == content_type
    assert matches(kind, content_type)
    assert matches("file", content_type)


MARKUP = [
    (b"<!DOCTYPE html><html>", "text/html"),
    (b"  \r\n<HTML><body>", "text/html"),
    (b"\xef\xbb\xbf<!-- a --><p>", "text/html"),
    (b"<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'>", "text/html"),
    (b"<script>alert(1)</script>", "text/html"),
    (b"<svg xmlns='http://www.w3.org/2000/svg'>", "image/svg+xml"),
    (b"<?xml version='1.0'?>\n<!-- x -->\n<SVG onload='x'>", "image/svg+xml"),
]


@pytest.mark.parametrize(("head", "content_type"), MARKUP)
@pytest.mark.parametrize("kind", ["image", "audio", "video", "archive", "weights", "file"])
def test_markup_that_can_run_scripts_stands_nowhere(head, content_type, kind):
    assert sniff(head) == content_type
    assert not matches(kind, content_type)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\xff",
        b"plain text, nothing more",
        b"\x80\x04\x95pickle",
        b"RIFF\x10\x00\x00\x00????",
        b"BMW is a brand of cars",
        b"\xff\xe1\xf0\x00",
        b"\xff\xfb\xff\xff",
        ftyp(b"mif1", b"miaf"),
        struct.pack("<Q", 2**63) + b"{",
        struct.pack("<Q", 26 * 1024 * 1024) + b"{}",
        struct.pack("<Q", 64) + b"[]",
    ],
)
def test_what_is_not_known_is_said_to_be_unknown(head):
    assert sniff(head) is None
    assert matches("file", None)
    assert not any(matches(k, None) for k in ("image", "audio", "video", "archive", "weights"))


def test_a_picture_is_no_sound_and_an_archive_no_weights():
    assert not matches("audio", "image/png")
    assert not matches("image", "video/mp4")
    assert not matches("weights", "application/zip")
    assert not matches("archive", "application/x-safetensors")


def test_no_prefix_of_a_known_file_makes_the_judge_stumble():
    for head, _type, _kind in SAMPLES:
        for length in range(min(len(head), 300)):
            sniff(head[:length])
