"""Files in S3.

An object's metadata hold its facts, so that one request tells everything. What expires also has
an empty marker whose name is the moment: the sweep lists those and nothing else. The bucket's
lifecycle rules (:func:`~pilotlight.adapters.aws.cards.lifecycle`) stand behind it.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import secrets
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from pilotlight.adapters import grants
from pilotlight.adapters.aws import cards
from pilotlight.adapters.aws.cards import FILES, described, info_of, marker, object_name
from pilotlight.adapters.aws.drafts import CHUNK_BYTES, chunks, draft
from pilotlight.adapters.aws.objects import ObjectReader, translated
from pilotlight.adapters.aws.presigned import Presigner, own_presigned
from pilotlight.adapters.aws.uploads import Uploads
from pilotlight.adapters.grants import Grants
from pilotlight.errors import Unavailable, UnknownFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pilotlight.adapters.aws.objects import Bucket
    from pilotlight.ports.blobs import BlobInfo, Grant, Part
    from pilotlight.ports.clock import Clock

ABANDONED_S: Final = 24 * 3600.0
"""An upload that nobody finished within this is swept."""
_NOT_PLAIN: Final = re.compile(r"[^\w.-]+", re.ASCII)


class S3Blobs:
    """``/files/GRANT/KEY`` URLs lead to the ingress, like those of local mode.

    With ``direct`` what ``put_url`` and ``direct_url`` give is presigned and leads to S3 itself.
    """

    def __init__(
        self, bucket: Bucket, *, secret: bytes, clock: Clock, direct: bool = False
    ) -> None:
        self._bucket, self._clock, self._direct = bucket, clock, direct
        self._grants = Grants(secret)
        self._presigner = Presigner(bucket, self._grants)
        self._uploads = Uploads(bucket, clock)

    def put(
        self,
        key: str,
        source: Path | bytes | Iterable[bytes],
        *,
        content_type: str,
        file_name: str = "",
        expires_at: float | None = None,
        max_bytes: int | None = None,
    ) -> BlobInfo:
        with draft(source, max_bytes=max_bytes) as made:
            info = described(
                key,
                size=made.size,
                sha256=made.sha256,
                content_type=content_type,
                file_name=file_name,
                expires_at=expires_at,
            )
            more = self._announced(info)
            checksum = cards.checksum(info)
            name = object_name(key)
            self._bucket.put(name, made.file, size=made.size, ChecksumSHA256=checksum, **more)
        return info

    def _announced(self, info: BlobInfo) -> dict[str, Any]:
        """The object's headers. Its marker first: an object without one is never swept."""
        if info.expires_at is not None:
            self._mark(info.key, info.expires_at)
        return cards.headers(info, now=self._clock.now())

    def _mark(self, key: str, expires_at: float) -> None:
        name = marker(object_name(key).removeprefix(FILES), expires_at)
        self._bucket.put(name, io.BytesIO(), size=0)

    def info(self, key: str) -> BlobInfo:
        return self._known(key, self._bucket.head(object_name(key)))

    def _known(self, key: str, answer: dict[str, Any]) -> BlobInfo:
        info = info_of(key, answer)
        if info is None:
            info = self._adopt(key, answer["ETag"])
        if info.expires_at is not None and info.expires_at <= self._clock.now():
            raise UnknownFile("this file has expired", key=key)
        return info

    def _adopt(self, key: str, etag: str) -> BlobInfo:
        """A caller put it into S3 directly: measure it once, and keep the facts beside it."""
        name = object_name(key)
        answer = self._bucket.get(name, etag=etag)
        digest = hashlib.sha256()
        with closing(answer["Body"]) as body, translated():
            for chunk in chunks(body):
                digest.update(chunk)
        ticket = self._ticket(key)
        info = described(
            key,
            size=answer["ContentLength"],
            sha256=digest.hexdigest(),
            content_type=answer["ContentType"],
            file_name=key.rpartition("/")[2],
            expires_at=ticket.get("expires_at"),
        )
        more = cards.headers(info, now=self._clock.now())
        if "Tagging" in more:
            more["TaggingDirective"] = "REPLACE"
        self._bucket.copy(name, name, etag=etag, **more)
        return info

    def _ticket(self, key: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(self._bucket.read(_ticket_name(key)))
        except UnknownFile:
            return {}
        return found

    def open(self, key: str) -> BinaryIO:
        return io.BufferedReader(self._opened(key)[1], CHUNK_BYTES)

    def _opened(self, key: str) -> tuple[BlobInfo, ObjectReader]:
        """One request for the facts and the bytes."""
        name = object_name(key)
        answer = self._bucket.get(name)
        reader = ObjectReader(self._bucket, name, answer)
        try:
            return self._known(key, answer), reader
        except BaseException:
            reader.close()
            raise

    def local_copy(self, key: str, folder: Path) -> Path:
        """A download, with the ending its file name has. Raises Unavailable if it is not whole."""
        info, reader = self._opened(key)
        with reader:
            ending = _NOT_PLAIN.sub("_", Path(info.file_name).suffix)[:16]
            digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
            path = folder / f"{digest[:16]}-{info.sha256[:16]}{ending}"
            if not path.exists():
                _download(reader, path, info.sha256)
        return path

    def delete(self, key: str) -> None:
        self._bucket.delete(object_name(key))

    def get_url(self, key: str, *, base_url: str, expires_at: float | None) -> str:
        return self._grants.url(key, base_url=base_url, write=False, expires_at=expires_at)

    def own_key(self, url: str) -> str | None:
        found = grants.own(url) or own_presigned(url)
        if found is None:
            return None
        if self.admitted(found.grant, found.key).write:
            raise UnknownFile("this URL is for uploading")
        return self.info(found.key).key

    def put_url(
        self,
        key: str,
        *,
        base_url: str,
        expires_at: float,
        object_expires_at: float | None = None,
    ) -> str:
        if self._direct:
            seconds = expires_at - self._clock.now()
            return self.direct_put_url(key, seconds=seconds, object_expires_at=object_expires_at)
        return self._grants.url(
            key,
            base_url=base_url,
            write=True,
            expires_at=expires_at,
            object_expires_at=object_expires_at,
        )

    def admitted(self, grant: str, key: str) -> Grant:
        return self._grants.check(grant, key, now=self._clock.now())

    def direct_url(self, info: BlobInfo) -> str | None:
        if not self._direct:
            return None
        return self.direct_get_url(info)

    def direct_get_url(self, info: BlobInfo, *, seconds: float = 3600) -> str:
        """A URL of S3's to read from, a day at most."""
        now = self._clock.now()
        return self._presigner.get(info.key, now=now, seconds=seconds, file_name=info.file_name)

    def direct_put_url(
        self,
        key: str,
        *,
        seconds: float = 900,
        content_type: str | None = None,
        object_expires_at: float | None = None,
    ) -> str:
        """A URL of S3's to PUT this object to: 5 GB at most, of exactly this type if given."""
        if object_expires_at is not None:
            ticket = json.dumps({"expires_at": object_expires_at}).encode()
            self._bucket.put(_ticket_name(key), io.BytesIO(ticket), size=len(ticket))
            self._mark(key, object_expires_at)
        now = self._clock.now()
        return self._presigner.put(key, now=now, seconds=seconds, content_type=content_type)

    def start_parts(
        self,
        key: str,
        *,
        content_type: str,
        file_name: str,
        expires_at: float | None,
        max_bytes: int | None = None,
    ) -> str:
        return self._uploads.start(
            key,
            content_type=content_type,
            file_name=file_name,
            expires_at=expires_at,
            max_bytes=max_bytes,
        )

    def put_part(self, key: str, upload_id: str, number: int, body: Iterable[bytes]) -> Part:
        return self._uploads.put(key, upload_id, number, body)

    def finish_parts(self, key: str, upload_id: str, parts: Sequence[Part]) -> BlobInfo:
        if self._uploads.find(upload_id) is None:
            return self.info(key)  # finished before: the client did not hear us
        upload = self._uploads.read(key, upload_id)
        joining = self._uploads.joining(upload, parts)
        facts: dict[str, Any] = {
            "content_type": upload.content_type,
            "file_name": upload.file_name,
            "expires_at": upload.expires_at,
        }
        if joining.natively:
            sha256 = self._uploads.digest(joining)
            info = described(key, size=joining.size, sha256=sha256, **facts)
            self._uploads.join(joining, object_name(key), self._announced(info))
        else:
            info = self.put(key, self._uploads.content(joining), **facts)
        self._uploads.remove(upload_id)
        return info

    def stored(self, prefix: str, *, after: float, before: float) -> Iterator[Sequence[str]]:
        for names in self._bucket.stored(FILES + prefix, after=after, before=before):
            yield [name.removeprefix(FILES) for name in names]

    def sweep(self, *, now: float) -> int:
        gone = 0
        for name, _ in self._bucket.list("expiring/"):
            moment, _, rest = name.removeprefix("expiring/").partition("/")
            if int(moment) > now:
                break
            gone += self._expired(rest, float(moment), now)
            self._bucket.delete(name, f"tickets/{rest}")
        return gone + self._uploads.sweep(started_before=now - ABANDONED_S)

    def _expired(self, rest: str, marked: float, now: float) -> bool:
        """Delete the object if its time is over: a newer put may have given it more."""
        try:
            answer = self._bucket.head(FILES + rest)
        except UnknownFile:
            return False
        info = info_of(rest, answer)
        expires_at = info.expires_at if info else marked
        if expires_at is None or expires_at > now:
            return False
        return self._bucket.delete_if(FILES + rest, answer["ETag"])


def _ticket_name(key: str) -> str:
    return f"tickets/{object_name(key).removeprefix(FILES)}"


def _download(reader: ObjectReader, path: Path, sha256: str) -> None:
    """The path is there with all its bytes or not at all."""
    partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    digest = hashlib.sha256()
    try:
        with partial.open("xb") as file:
            while chunk := reader.read(CHUNK_BYTES):
                digest.update(chunk)
                file.write(chunk)
        if digest.hexdigest() != sha256:
            raise Unavailable("what came from S3 is not what was put there")
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)
