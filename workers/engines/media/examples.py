"""Pictures and captions out of a zip that somebody sent: nothing in it is trusted.

``cat.png`` is described by ``cat.txt``; a picture without one gets the caption for all of them.
"""

from __future__ import annotations

import codecs
import shutil
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from pilotlight import InvalidInput, Problem
from workers.engines.media import pictures
from workers.engines.video import files as video_files

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image

PICTURES: Final = {".png", ".jpg", ".jpeg", ".webp", ".avif", ".bmp", ".tif", ".tiff"}
FILMS: Final = {".mp4", ".mov", ".webm", ".mkv", ".avi", ".gif"}
MOST_FILES: Final = 2000
MOST_BYTES: Final = 512 * 1024**2
"""Of all files together, unpacked: a zip of 5 MB can hold 5 GB of zeros."""
LONGEST: Final = 1280
"""Side of a picture as it is kept: nothing here trains on more, and of two thousand photographs the
pixels would fill any memory."""
_CAPTION_BYTES: Final = 4096
_PACKINGS: Final = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}


@dataclass(frozen=True, slots=True)
class Example:
    picture: Image
    """Of a film, its first frame; no side is longer than LONGEST."""
    caption: str
    film: Path | None = None


def examples(
    archive: Path, *, caption: str, field: str, films: Path | None = None
) -> list[Example]:
    """Every picture, in the order of their names. Raises InvalidInput that names ``field``.

    With a folder for them, every film as well, unpacked there under a name of ours.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = _allowed(opened, field)
            texts = {_stem(one): one for one in entries if one.filename.lower().endswith(".txt")}
            found = []
            for entry in sorted(entries, key=lambda one: one.filename):
                kind = PurePosixPath(entry.filename).suffix.lower()
                note = texts.get(_stem(entry))
                said = (_caption(opened, note, field) if note else "") or caption
                if kind in PICTURES:
                    found.append(Example(_picture(opened, entry, field), said))
                elif kind in FILMS and films is not None:
                    place = films / f"{len(found):04}{kind}"
                    found.append(_film(opened, entry, said, place, field))
            return found
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError):  # a name may be no text, too
        raise _refused(field, "is no zip, or a damaged one") from None


def _allowed(opened: zipfile.ZipFile, field: str) -> list[zipfile.ZipInfo]:
    """The files in it; sizes are what the zip says and what reading it will hold it to."""
    entries = [one for one in opened.infolist() if not one.is_dir()]
    if len(entries) > MOST_FILES:
        raise _refused(field, f"holds {len(entries)} files; at most {MOST_FILES}")
    if sum(one.file_size for one in entries) > MOST_BYTES:
        raise _refused(field, f"holds more than {MOST_BYTES // 1024**2} MiB unpacked")
    for one in entries:
        if one.flag_bits & 1:
            raise _refused(field, f"{one.filename} is encrypted")
        if one.compress_type not in _PACKINGS:
            words = f"{one.filename} is packed in a way that is not read here; use plain zip"
            raise _refused(field, words)
    shown = [one for one in entries if "__MACOSX" not in PurePosixPath(one.filename).parts]
    return [one for one in shown if not PurePosixPath(one.filename).name.startswith(".")]


def _stem(entry: zipfile.ZipInfo) -> str:
    return str(PurePosixPath(entry.filename).with_suffix(""))


def _caption(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, field: str) -> str:
    if entry.file_size > _CAPTION_BYTES:
        raise _refused(field, f"{entry.filename} is longer than {_CAPTION_BYTES} bytes")
    body = opened.read(entry)
    wide = body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return body.decode("utf-16" if wide else "utf-8-sig").strip()
    except UnicodeDecodeError:
        raise _refused(field, f"{entry.filename} is no text in UTF-8") from None


def _picture(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, field: str) -> Image:
    try:
        found = pictures.picture(opened.read(entry), (field, entry.filename), mode="RGB")
    except InvalidInput as error:
        raise _refused(field, f"{entry.filename} {error.problems[0].message}") from None
    return _kept(found)


def _film(
    opened: zipfile.ZipFile, entry: zipfile.ZipInfo, said: str, place: Path, field: str
) -> Example:
    from PIL import Image as Pictures

    place.parent.mkdir(parents=True, exist_ok=True)
    with opened.open(entry) as source, place.open("wb") as target:
        shutil.copyfileobj(source, target)
    try:
        first = next(video_files.frames(place, field))
    except InvalidInput as error:
        raise _refused(field, f"{entry.filename} {error.problems[0].message}") from None
    return Example(_kept(Pictures.fromarray(first.pixels)), said, place)


def _kept(picture: Image) -> Image:
    from PIL import Image as Pictures

    picture.thumbnail((LONGEST, LONGEST), Pictures.Resampling.LANCZOS)
    return picture


def _refused(field: str, words: str) -> InvalidInput:
    return InvalidInput(f"{field} {words}", Problem(("body", field), words, "invalid_archive"))
