"""Multipart uploads: parts come in any order, many at a time, and are joined once.

Parts are objects of their own, because ours may be smaller than the 5 MiB that S3 asks of all
but the last of its parts. Where they are large enough S3 itself joins them.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from pilotlight.adapters.aws.drafts import chunks, draft
from pilotlight.adapters.aws.objects import MIB, translated
from pilotlight.errors import BodyTooLarge, InvalidInput, Problem, UnknownFile
from pilotlight.ports.blobs import Part

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pilotlight.adapters.aws.objects import Bucket
    from pilotlight.ports.clock import Clock

MOST_PARTS: Final = 10_000
"""S3's limit."""
SMALLEST_PART: Final = 5 * MIB
"""S3's own parts have at least this, but for the last."""
_FOLDER: Final = "uploads/"
_ID: Final = re.compile(r"[0-9]{10}-[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Upload:
    id: str
    key: str
    content_type: str
    file_name: str
    expires_at: float | None
    max_bytes: int | None


@dataclass(frozen=True, slots=True)
class Joining:
    """The parts that make the object, in order, as objects with their sizes."""

    upload: Upload
    parts: tuple[tuple[str, int], ...]

    @property
    def size(self) -> int:
        return sum(size for _, size in self.parts)

    @property
    def natively(self) -> bool:
        """Whether S3 takes these parts as its own."""
        return all(size >= SMALLEST_PART for _, size in self.parts[:-1])


class Uploads:
    def __init__(self, bucket: Bucket, clock: Clock) -> None:
        self._bucket, self._clock = bucket, clock

    def start(self, key: str, **facts: Any) -> str:
        upload_id = f"{int(self._clock.now()):010d}-{secrets.token_hex(16)}"
        card = json.dumps(asdict(Upload(id=upload_id, key=key, **facts))).encode()
        with draft(card, max_bytes=None) as made:
            self._bucket.put(f"{_FOLDER}{upload_id}/card", made.file, size=made.size)
        return upload_id

    def find(self, upload_id: str) -> Upload | None:
        if not _ID.fullmatch(upload_id):
            return None
        try:
            return Upload(**json.loads(self._bucket.read(f"{_FOLDER}{upload_id}/card")))
        except UnknownFile:
            return None

    def read(self, key: str, upload_id: str) -> Upload:
        """Raises UnknownFile when there is no such upload, or it is of another key."""
        upload = self.find(upload_id)
        if upload is None or upload.key != key:
            raise UnknownFile("no such upload", upload=upload_id)
        return upload

    def put(self, key: str, upload_id: str, number: int, body: Iterable[bytes]) -> Part:
        upload = self.read(key, upload_id)
        if not 1 <= number <= MOST_PARTS:
            raise _refused(("path", "part"), f"parts are numbered 1 to {MOST_PARTS}", number)
        with draft(body, max_bytes=self._left(upload, number)) as made:
            part = Part(number, made.sha256[:32])
            name = _name(upload, part)
            self._bucket.put(name, made.file, size=made.size)
        same = f"{_FOLDER}{upload.id}/{number:05d}-"
        self._bucket.delete(*(older for older, _ in self._bucket.list(same) if older != name))
        return part

    def _left(self, upload: Upload, number: int) -> int | None:
        if upload.max_bytes is None:
            return None
        others = (size for own, size in self._parts(upload) if own != number)
        return max(0, upload.max_bytes - sum(others))

    def _parts(self, upload: Upload) -> Iterator[tuple[int, int]]:
        folder = f"{_FOLDER}{upload.id}/"
        for name, size in self._bucket.list(folder):
            number = name.removeprefix(folder).partition("-")[0]
            if number.isdecimal():
                yield int(number), size

    def joining(self, upload: Upload, parts: Sequence[Part]) -> Joining:
        """Raises InvalidInput for a part that is not there or named twice, BodyTooLarge."""
        ordered = sorted(parts, key=lambda part: part.number)
        if not ordered or len({part.number for part in ordered}) != len(ordered):
            raise _refused(("body", "parts"), "must name each part once", len(ordered))
        there = dict(self._bucket.list(f"{_FOLDER}{upload.id}/"))
        for part in ordered:
            if _name(upload, part) not in there:
                raise _refused(("body", "parts"), "there is no such part", asdict(part))
        names = [_name(upload, part) for part in ordered]
        joining = Joining(upload, tuple((name, there[name]) for name in names))
        if upload.max_bytes is not None and joining.size > upload.max_bytes:
            raise BodyTooLarge(f"larger than {upload.max_bytes} bytes", max_size=upload.max_bytes)
        return joining

    def content(self, joining: Joining) -> Iterator[bytes]:
        for name, _ in joining.parts:
            with closing(self._bucket.get(name)["Body"]) as body, translated():
                yield from chunks(body)

    def digest(self, joining: Joining) -> str:
        """SHA-256 of the whole; the bytes pass through here once and are kept nowhere."""
        whole = hashlib.sha256()
        for chunk in self.content(joining):
            whole.update(chunk)
        return whole.hexdigest()

    def join(self, joining: Joining, target: str, headers: dict[str, Any]) -> None:
        """Have S3 put them together; they must be large enough: ``joining.natively``."""
        s3, bucket = self._bucket.s3, self._bucket.name
        with translated():
            begun = s3.create_multipart_upload(Bucket=bucket, Key=target, **headers)["UploadId"]
            try:
                done: list[Any] = []
                for number, (name, _) in enumerate(joining.parts, 1):
                    copied = s3.upload_part_copy(
                        Bucket=bucket,
                        Key=target,
                        UploadId=begun,
                        PartNumber=number,
                        CopySource={"Bucket": bucket, "Key": name},
                    )
                    done.append({"PartNumber": number, "ETag": copied["CopyPartResult"]["ETag"]})
                s3.complete_multipart_upload(
                    Bucket=bucket, Key=target, UploadId=begun, MultipartUpload={"Parts": done}
                )
            except BaseException:
                s3.abort_multipart_upload(Bucket=bucket, Key=target, UploadId=begun)
                raise

    def remove(self, upload_id: str) -> None:
        """The card first: an upload without one was finished, whatever parts are left."""
        folder = f"{_FOLDER}{upload_id}/"
        self._bucket.delete(f"{folder}card")
        self._bucket.delete(*(name for name, _ in self._bucket.list(folder)))

    def sweep(self, *, started_before: float) -> int:
        """Remove those that were begun by then; their ids begin with the moment."""
        gone = 0
        old: dict[str, bool] = {}
        for name, _ in self._bucket.list(_FOLDER):
            upload_id, _, rest = name.removeprefix(_FOLDER).partition("/")
            if int(upload_id[:10]) > started_before:
                break
            old[upload_id] = old.get(upload_id, False) or rest == "card"
        for upload_id, unfinished in old.items():
            self.remove(upload_id)
            gone += unfinished
        return gone


def _name(upload: Upload, part: Part) -> str:
    # The etag comes from outside: of it, only what we could have given out may become a name.
    etag = re.sub(r"[^0-9a-f]", "", part.etag)[:32]
    return f"{_FOLDER}{upload.id}/{part.number:05d}-{etag}"


def _refused(loc: tuple[str, str], message: str, given: object) -> InvalidInput:
    return InvalidInput(message, Problem(loc, message, "value_error", given=given))
