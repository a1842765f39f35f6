"""Texts too long for a table: an item holds 400 KB at most, and every write is billed by its size.

Such a text lies in S3 under the hash of its bytes, and the item holds a pointer, written after
it. Nobody changes it there, so a copy is kept in memory: a beat of a job whose input is long
reads it once.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from pilotlight.errors import Unavailable

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

LONGEST_BYTES: Final = 32 * 1024
"""Kept in the item itself. Four such columns and the history stay below 400 KB."""
_REMEMBERED_BYTES: Final = 64 * 1024 * 1024
_SHELVED: Final = "shelved"


class LongTexts:
    def __init__(self, s3: S3Client, bucket: str) -> None:
        self._s3, self._bucket = s3, bucket
        self._lock = threading.Lock()
        self._known: OrderedDict[str, str] = OrderedDict()
        self._size = 0

    def write(self, job_id: str, text: str, *, longest: int = LONGEST_BYTES) -> dict[str, Any]:
        """The attribute value that stands for the text; stores it first if it is long."""
        if len(text) <= longest // 4 or len(body := text.encode()) <= longest:
            return {"S": text}
        key = f"{_folder(job_id)}{hashlib.sha256(body).hexdigest()}"
        try:
            self._s3.put_object(
                Bucket=self._bucket, Key=key, Body=body, ContentType="text/plain", IfNoneMatch="*"
            )
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != 412:  # else it is there
                raise Unavailable(f"S3: {error}") from error
        except BotoCoreError as error:
            raise Unavailable(f"S3: {error}") from error
        self._remember(key, text)
        return {"M": {_SHELVED: {"S": key}}}

    def read(self, value: dict[str, Any]) -> str:
        """The text behind an attribute value that ``write`` gave."""
        if "M" not in value:
            text: str = value["S"]
            return text
        key: str = value["M"][_SHELVED]["S"]
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        try:
            found = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"]
            with found:
                text = found.read().decode()
        except (ClientError, BotoCoreError) as error:
            raise Unavailable(f"S3: {error}") from error
        self._remember(key, text)
        return text

    def forget(self, job_id: str) -> None:
        """Delete every text of the job."""
        try:
            listed = self._s3.list_objects_v2(Bucket=self._bucket, Prefix=_folder(job_id))
            for entry in listed.get("Contents", []):
                self._s3.delete_object(Bucket=self._bucket, Key=entry["Key"])
        except (ClientError, BotoCoreError) as error:
            raise Unavailable(f"S3: {error}") from error

    def _remember(self, key: str, text: str) -> None:
        with self._lock:
            if key in self._known or len(text) > _REMEMBERED_BYTES:
                return
            self._known[key] = text
            self._size += len(text)
            while self._size > _REMEMBERED_BYTES:
                _, dropped = self._known.popitem(last=False)
                self._size -= len(dropped)


def is_shelved(value: dict[str, Any]) -> bool:
    return _SHELVED in value.get("M", {})


def _folder(job_id: str) -> str:
    return f"texts/{job_id}/"
