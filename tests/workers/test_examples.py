"""Zips as people and tools really make them: what is in them is read, or the file in it is named."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest
from PIL import Image

from pilotlight import InvalidInput
from workers.engines.media.examples import LONGEST, examples


def drawn(side=8, form="PNG"):
    file = io.BytesIO()
    Image.new("RGB", (side, side), "red").save(file, form)
    return file.getvalue()


@pytest.fixture
def found(tmp_path):
    def found(files, *, packing=zipfile.ZIP_DEFLATED, spoil=lambda body: body):
        path = tmp_path / "a.zip"
        with zipfile.ZipFile(path, "w", packing) as archive:
            for name, body in files.items():
                archive.writestr(name, body)
        path.write_bytes(spoil(path.read_bytes()))
        return examples(path, caption="for all", field="f")

    return found


def damaged(body):
    return body[:60] + b"\xff" * 40 + body[100:]


def without_a_name(body):
    return body.replace("é".encode(), b"\xff\xfe")


def packed_in_some_way(body):
    whole = bytearray(body)
    entry = whole.find(b"PK\x01\x02") + 10
    whole[entry : entry + 2] = struct.pack("<H", 97)
    return bytes(whole)


@pytest.mark.parametrize(
    ("packing", "spoil", "words"),
    [
        (zipfile.ZIP_DEFLATED, damaged, "no zip, or a damaged one"),
        (zipfile.ZIP_DEFLATED, without_a_name, "no zip, or a damaged one"),
        (zipfile.ZIP_DEFLATED, packed_in_some_way, "packed in a way"),
        (zipfile.ZIP_LZMA, lambda body: body, "packed in a way"),
        (zipfile.ZIP_BZIP2, lambda body: body, "packed in a way"),
    ],
)
def test_a_zip_that_cannot_be_read_is_refused_in_words(found, packing, spoil, words):
    with pytest.raises(InvalidInput, match=words):
        found({"é.png": drawn(400) + bytes(range(256)) * 20}, packing=packing, spoil=spoil)


def test_captions_are_read_as_editors_write_them(found):
    said = {"a": "café".encode("utf-8-sig"), "b": "café".encode("utf-16"), "c": b" \n"}
    files = {f"{name}.png": drawn() for name in said}
    captions = {f"{name}.txt": body for name, body in said.items()}

    assert [one.caption for one in found(files | captions)] == ["café", "café", "for all"]


def test_a_caption_in_no_known_letters_is_refused_by_its_name(found):
    with pytest.raises(InvalidInput, match=r"a\.txt is no text in UTF-8"):
        found({"a.png": drawn(), "a.txt": "café".encode("latin-1")})


def test_what_a_mac_leaves_in_folders_is_no_picture(found):
    assert len(found({"cats/a.png": drawn(), "cats/__MACOSX/a.png": b"Mac OS X"})) == 1


@pytest.mark.parametrize("form", ["BMP", "TIFF", "AVIF"])
def test_every_kind_of_picture_that_is_decoded_counts(found, form):
    assert len(found({f"a.{form.lower()}": drawn(form=form)})) == 1


def test_large_pictures_are_kept_small(found):
    (one,) = found({"a.png": drawn(3000)})

    assert one.picture.size == (LONGEST, LONGEST)
