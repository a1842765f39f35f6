"""One bucket: S3's requests with our errors, and a file that reads one object.

::

    files/...                    what callers and jobs keep, by key
    texts/JOB/...                long texts of rows, see texts.py
    uploads/STARTED-ID/...       parts of an upload, see uploads.py
    expiring/MOMENT/...          which file to look at, and when
    tickets/...                  facts about a file that a caller puts into S3 directly
"""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from pilotlight.errors import InvalidInput, Problem, SettingsError, Unavailable, UnknownFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from types_boto3_s3 import S3Client

MIB: Final = 1024 * 1024
_AT_ONCE: Final = 64 * MIB
"""Larger bodies go up in parts of this size."""
_DELETES: Final = 1000
"""Most keys that DeleteObjects takes."""
_ARCHIVED: Final = (
    "the file is in an archive of S3: restore it, or put it again in the class STANDARD"
)
_PASSING: Final = frozenset(
    {"RequestTimeout", "BadDigest", "IncompleteBody", "ExpiredToken", "TokenRefreshRequired"}
)
"""What S3 puts at the caller's door, with 400, though the same request may succeed in a moment."""


class Changed(Exception):
    """The object is not, or no longer, what the request depended on."""


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Raises UnknownFile, Changed, Unavailable, SettingsError in place of the vendor's errors, and
    InvalidInput for what whoever put it has to put again."""
    try:
        yield
    except ClientError as error:
        meant = _meant(error)
        if meant is None:
            raise
        raise meant from error
    except NoCredentialsError as error:
        raise SettingsError(f"AWS: {error}") from error
    except (BotoCoreError, Boto3Error) as error:
        raise Unavailable(f"S3: {error}") from error


def _meant(error: ClientError) -> Exception | None:
    code = error.response["Error"]["Code"]
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    if code == "InvalidObjectState":
        return InvalidInput(_ARCHIVED, Problem(("body",), _ARCHIVED, "file_archived"))
    if code in {"NoSuchBucket", "AccessDenied"} or status == 403:
        return SettingsError(f"S3 refused {error.operation_name}: {error}")
    if status == 404:
        return UnknownFile("no such file")
    if status in {409, 412}:
        return Changed()
    # KMS speaks through S3 too: of too many keys at once.
    if status >= 500 or code in _PASSING or "Throttling" in code:
        return Unavailable(f"S3: {error}")
    return None


class Bucket:
    def __init__(self, s3: S3Client, name: str) -> None:
        self.s3, self.name = s3, name

    def put(self, key: str, body: BinaryIO, *, size: int, **more: Any) -> None:
        """``more`` are headers as PutObject calls them, such as ``Metadata``."""
        with translated():
            if size <= _AT_ONCE:
                self.s3.put_object(Bucket=self.name, Key=key, Body=body, **more)
                return
            config = TransferConfig(
                multipart_threshold=_AT_ONCE, multipart_chunksize=_AT_ONCE, max_concurrency=4
            )
            more.pop("ChecksumSHA256", None)  # of a whole: S3 keeps one of the parts instead
            self.s3.upload_fileobj(body, self.name, key, ExtraArgs=more, Config=config)

    def head(self, key: str) -> dict[str, Any]:
        """Raises UnknownFile."""
        with translated():
            return {**self.s3.head_object(Bucket=self.name, Key=key)}

    def get(self, key: str, *, first: int = 0, etag: str | None = None) -> dict[str, Any]:
        """From byte ``first`` on. Raises UnknownFile, Changed when the ETag is another one."""
        more: dict[str, Any] = {"Range": f"bytes={first}-"} if first else {}
        if etag is not None:
            more["IfMatch"] = etag
        with translated():
            return {**self.s3.get_object(Bucket=self.name, Key=key, **more)}

    def read(self, key: str) -> bytes:
        with translated(), self.get(key)["Body"] as body:
            content: bytes = body.read()
            return content

    def copy(self, source: str, target: str, *, etag: str, **more: Any) -> None:
        """At most 5 GB, without a byte passing through here. Raises UnknownFile, Changed."""
        with translated():
            self.s3.copy_object(
                Bucket=self.name,
                Key=target,
                CopySource={"Bucket": self.name, "Key": source},
                CopySourceIfMatch=etag,
                MetadataDirective="REPLACE",
                **more,
            )

    def delete(self, *keys: str) -> None:
        """Gone afterwards; a missing key is fine."""
        for first in range(0, len(keys), _DELETES):
            some = [{"Key": key} for key in keys[first : first + _DELETES]]
            with translated():
                answer = self.s3.delete_objects(
                    Bucket=self.name,
                    Delete={"Objects": some, "Quiet": True},  # type: ignore[typeddict-item]
                )
            if answer.get("Errors"):
                raise Unavailable(f"S3 did not delete {answer['Errors'][0]}")

    def delete_if(self, key: str, etag: str) -> bool:
        """Whether this very object was there; a newer one under the same key stays."""
        try:
            with translated():
                self.s3.delete_object(Bucket=self.name, Key=key, IfMatch=etag)
        except (Changed, UnknownFile):
            return False
        return True

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Keys with their sizes, in order of their bytes."""
        pages = self._pages(prefix)
        return ((entry["Key"], entry["Size"]) for page in pages for entry in page)

    def entries(self, prefix: str) -> Iterator[Any]:
        """As S3 lists them: ``Key``, ``Size``, ``ETag``, ``LastModified``."""
        return (entry for page in self._pages(prefix) for entry in page)

    def stored(self, prefix: str, *, after: float, before: float) -> Iterator[Sequence[str]]:
        """Keys of what was put there in between, to the second; a portion for each request."""
        for page in self._pages(prefix):
            yield [one["Key"] for one in page if after < one["LastModified"].timestamp() < before]

    def _pages(self, prefix: str) -> Iterator[Sequence[Any]]:
        more: dict[str, Any] = {}
        while True:
            with translated():
                page = self.s3.list_objects_v2(Bucket=self.name, Prefix=prefix, **more)
            yield page.get("Contents", [])
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}


class ObjectReader(io.RawIOBase):
    """An object from its first byte on, as it was when it was opened.

    ``seek`` costs a request at the next read. Raises Unavailable when the object is replaced
    before that, and when S3 breaks off twice in a row.
    """

    def __init__(self, bucket: Bucket, key: str, opened: dict[str, Any]) -> None:
        self._bucket, self._key = bucket, key
        self._etag: str = opened["ETag"]
        self._size: int = opened["ContentLength"]
        self._body: Any = opened["Body"]
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if base + offset != self._at:
            self._at = max(0, base + offset)
            self._let_go()
        return self._at

    def readinto(self, buffer: Any) -> int:
        if self._at >= self._size:
            return 0
        try:
            chunk = self._read(len(buffer))
        except Unavailable:
            self._let_go()
            chunk = self._read(len(buffer))
        buffer[: len(chunk)] = chunk
        self._at += len(chunk)
        return len(chunk)

    def _read(self, size: int) -> bytes:
        try:
            if self._body is None:
                self._body = self._bucket.get(self._key, first=self._at, etag=self._etag)["Body"]
            with translated():
                chunk: bytes = self._body.read(size)
        except (Changed, UnknownFile):
            raise Unavailable("the file was replaced while it was read") from None
        if not chunk:
            raise Unavailable("S3 broke off")
        return chunk

    def _let_go(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None

    def close(self) -> None:
        if not self.closed:
            self._let_go()
        super().close()
