"""What S3 keeps beside an object's bytes: the facts of a :class:`BlobInfo` as metadata.

A key that is plain is the object's name; any other is named by its hash, so that ``..``, empty
parts, control characters and encodings mean nothing to S3 or to what lies in between.
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote

from pilotlight.ports.blobs import BlobInfo

if TYPE_CHECKING:
    from collections.abc import Mapping

FILES: Final = "files/"
_PART: Final = r"[A-Za-z0-9-][A-Za-z0-9._-]*"
_PLAIN: Final = re.compile(rf"{_PART}(?:/{_PART})*", re.ASCII)
_LONGEST_NAME: Final = 900
"""S3 takes 1,024 bytes; our prefixes and moments need some."""
_LONGEST_FILE_NAME: Final = 1000
"""All metadata of an object has 2 KB."""
_DAY_S: Final = 86_400.0
KEEP_DAYS: Final = (1, 7, 31, 91, 366)
"""Values of the tag ``keep-days``: a lifecycle rule for each, in case no sweep ever comes."""


def object_name(key: str) -> str:
    if len(key) <= _LONGEST_NAME and _PLAIN.fullmatch(key):
        return FILES + key
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
    first = key.partition("/")[0]
    folder = f"{first}/" if len(first) < 100 and _PLAIN.fullmatch(first) else ""
    return f"{FILES}{folder}_{digest}"  # no plain part begins with a line


def described(
    key: str,
    *,
    size: int,
    sha256: str,
    content_type: str,
    file_name: str,
    expires_at: float | None,
) -> BlobInfo:
    """The facts as they can be kept: headers have no control characters, and no great length."""
    printable = content_type.isascii() and content_type.isprintable() and content_type
    while len(quote(file_name, safe="")) > _LONGEST_FILE_NAME:
        file_name = file_name[1:]  # the ending tells what it is
    return BlobInfo(
        key, size, sha256, printable or "application/octet-stream", file_name, expires_at
    )


def headers(info: BlobInfo, *, now: float) -> dict[str, Any]:
    """Arguments of PutObject, CopyObject and CreateMultipartUpload."""
    metadata = {"sha256": info.sha256, "file-name": quote(info.file_name, safe="")}
    found: dict[str, Any] = {"ContentType": info.content_type, "Metadata": metadata}
    if info.expires_at is not None:
        metadata["expires-at"] = repr(info.expires_at)
        days = (info.expires_at - now) / _DAY_S
        keep = next((one for one in KEEP_DAYS if one >= days), None)
        if keep is not None:
            found["Tagging"] = f"keep-days={keep}"
    return found


def checksum(info: BlobInfo) -> str:
    """As S3 wants it, to compare with what has arrived."""
    return base64.b64encode(bytes.fromhex(info.sha256)).decode()


def info_of(key: str, answer: Mapping[str, Any]) -> BlobInfo | None:
    """From HeadObject or GetObject; None when somebody else wrote it, without our metadata."""
    metadata = answer["Metadata"]
    if "sha256" not in metadata:
        return None
    expires_at = metadata.get("expires-at")
    return BlobInfo(
        key,
        answer["ContentLength"],
        metadata["sha256"],
        answer["ContentType"],
        unquote(metadata.get("file-name", "")),
        None if expires_at is None else float(expires_at),
    )


def marker(name: str, expires_at: float) -> str:
    """An empty object whose name says when to look at which object."""
    return f"expiring/{math.ceil(expires_at):012d}/{name}"


def lifecycle() -> list[dict[str, Any]]:
    """Rules of the bucket, behind the sweep: what nobody finished, and what is long over."""
    aborted = {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2}}
    uploads = {"Filter": {"Prefix": "uploads/"}, "Expiration": {"Days": 2}}
    tagged = [
        {
            "ID": f"keep-{days}",
            "Status": "Enabled",
            "Filter": {"Tag": {"Key": "keep-days", "Value": str(days)}},
            "Expiration": {"Days": days + 1},
        }
        for days in KEEP_DAYS
    ]
    return [
        {"ID": "aborted", "Status": "Enabled", "Filter": {"Prefix": ""}, **aborted},
        {"ID": "uploads", "Status": "Enabled", **uploads},
        *tagged,
    ]
