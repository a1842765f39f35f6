"""The files of a result, brought to this machine under names that tell where they came from."""

from __future__ import annotations

import base64
import binascii
import contextlib
import itertools
import mimetypes
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, Final
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from pilotlight.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pilotlight.cli.client import Api

_SUFFIX: Final = re.compile(r"\.[A-Za-z0-9]{1,11}")
"""The longest that is met is ``.safetensors``."""
_MARKS: Final = {"content_type", "file_name", "file_size"}
"""What tells a file from something that happens to have a ``url``."""


@dataclass(frozen=True, slots=True)
class ResultFile:
    url: str
    suffix: str
    """With its dot, or empty."""


def files_in(output: Any) -> Iterator[ResultFile]:
    """Every file an output names, in its order."""
    if isinstance(output, dict):
        url = output.get("url")
        if isinstance(url, str) and _MARKS & output.keys():
            yield ResultFile(url, _suffix(output))
            return
        output = list(output.values())
    if isinstance(output, list):
        for item in output:
            yield from files_in(item)


def save(api: Api, output: Any, folder: Path, stem: str) -> list[Path]:
    """Bring every file of the output; what lies there already is never overwritten.

    Raises Unreachable, InvalidInput for a folder that cannot be written to.
    """
    found = list(files_in(output))
    if not found:
        return []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [_save(api, file, folder, stem, number) for number, file in enumerate(found)]
    except OSError as error:
        raise InvalidInput(f"cannot write to {folder}: {error.strerror or error}") from None


def stem_of(endpoint: str, job_id: str) -> str:
    """``shapes-4f1a9c2e``: the endpoint's last word and the end of the id, which is its chance."""
    name = endpoint.rstrip("/").rpartition("/")[2] or "result"
    return re.sub(r"[^A-Za-z0-9._-]", "-", f"{name}-{job_id[-8:]}")


def _save(api: Api, file: ResultFile, folder: Path, stem: str, number: int) -> Path:
    path, ours = _new(folder, f"{stem}-{number}", file.suffix)
    try:
        with ours:
            if file.url.startswith("data:"):
                ours.write(_inline(file.url))
            else:
                api.download(file.url, ours)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def _new(folder: Path, stem: str, suffix: str) -> tuple[Path, BinaryIO]:
    """A file that nobody had before us."""
    for again in itertools.count(1):
        path = folder / (f"{stem}{suffix}" if again == 1 else f"{stem}-{again}{suffix}")
        with contextlib.suppress(FileExistsError):
            return path, path.open("xb")
    raise AssertionError("numbers do not end")


def _inline(url: str) -> bytes:
    head, _, data = url.partition(",")
    if not head.endswith(";base64"):
        return unquote_to_bytes(data)
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error:
        raise InvalidInput("a file in the result is not what its data URI says") from None


def _suffix(file: dict[str, Any]) -> str:
    """From the name or the URL's path, else from the type; never more than a few letters."""
    name = file.get("file_name") or ("" if file["url"].startswith("data:") else file["url"])
    suffix = PurePosixPath(unquote(urlsplit(str(name)).path)).suffix
    if _SUFFIX.fullmatch(suffix):
        return suffix
    return mimetypes.guess_extension(str(file.get("content_type") or "")) or ""
