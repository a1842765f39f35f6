"""A call as httpx takes it, and what its answer stands for: no waiting, no sending."""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin

import httpx

from pilotlight.client.errors import ApiError, Unreachable, refusal
from pilotlight.client.patience import PASSING

if TYPE_CHECKING:
    from typing import TypeVar

    from pilotlight.client.calls import Call
    from pilotlight.client.patience import Patience
    from pilotlight.client.shapes import Artifact

    T = TypeVar("T")

CHUNK_BYTES: Final = 256 * 1024
CONNECT_S: Final = 10.0
ANSWER_S: Final = 60.0
"""Silence after which a connection counts as dead: event streams say something each 15 s."""


class Site:
    """Where the server is and who asks."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url.rstrip("/") + "/"
        self._key = key

    def at(self, path: str) -> str:
        return urljoin(self.url, path.removeprefix("/"))

    def headers(self, more: Any = ()) -> dict[str, str]:
        return {"authorization": f"Key {self._key}", "user-agent": "pilotlight", **dict(more)}

    def request(self, call: Call[T]) -> dict[str, Any]:
        """Arguments of ``httpx.Client.request``, but for a file's bytes."""
        asked: dict[str, Any] = {
            "method": call.method,
            "url": self.at(call.path),
            "params": dict(call.params),
            "headers": self.headers(call.headers),
            "timeout": timeout(call.waits_s),
        }
        if call.body is not None:
            asked["json"] = call.body
        if isinstance(call.file, Path):
            # Else it would be sent in chunks of unknown number, and refused late when too large.
            asked["headers"]["content-length"] = str(call.file.stat().st_size)
        return asked


def trust(authority: Path | str | None) -> ssl.SSLContext | bool:
    """Who vouches for the server: the usual ones, or the file of an authority of one's own."""
    return True if authority is None else ssl.create_default_context(cafile=str(authority))


def timeout(waits_s: float = 0.0) -> httpx.Timeout:
    return httpx.Timeout(ANSWER_S + waits_s, connect=CONNECT_S)


def reading() -> dict[str, Any]:
    """Of a file's bytes: a large one may lie elsewhere."""
    return {"timeout": timeout(), "follow_redirects": True}


def value_of(call: Call[T], answer: httpx.Response) -> T:
    """Raises ApiError for a refusal, Unreachable for an answer that is not Pilotlight's."""
    if not answer.is_success:
        raise refused(answer)
    try:
        return call.read(answer.json())
    except (ValueError, KeyError, TypeError):
        raise Unreachable(f"{answer.url} answers, but not as Pilotlight does") from None


def refused(answer: httpx.Response) -> ApiError:
    """The body must have been read."""
    try:
        said = answer.json()
    except ValueError:
        said = None
    return refusal(answer.status_code, said)


class NotNow(Exception):
    """An answer that says: try again later. Its body was read."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__(answer.status_code)
        self.answer = answer


Trouble = httpx.TransportError | NotNow | None
"""What ended a try; None is a stream that ended before its end."""


def refused_stream(answer: httpx.Response) -> ApiError | NotNow:
    """What a refusal stands for where the answer is not kept. Its body must have been read."""
    return NotNow(answer) if answer.status_code in PASSING else refused(answer)


def pause_s(patience: Patience, trouble: Trouble, tried: int) -> float | None:
    """How long to wait before the next try; None: give up."""
    if isinstance(trouble, NotNow):
        answer = trouble.answer
        return patience.after_answer(tried, answer.status_code, answer.headers)
    return patience.after_silence(tried)


def given_up(url: str, trouble: Trouble) -> ApiError | Unreachable:
    if isinstance(trouble, NotNow):
        return refused(trouble.answer)
    if trouble is None:
        return Unreachable(f"{url} ends its streams too early")
    return Unreachable(f"nothing answers at {url} ({str(trouble) or type(trouble).__name__})")


class Arriving:
    """A file on its way: beside its place until it is whole, and checked where its hash is known."""

    def __init__(self, source: Artifact | str, place: Path) -> None:
        self.url = source if isinstance(source, str) else source.url
        self._sha256 = None if isinstance(source, str) else source.sha256
        self._place, self._part = place, place.with_name(place.name + ".part")

    def begin(self) -> None:
        self._digest = hashlib.sha256()
        self._file = self._part.open("wb")

    def add(self, chunk: bytes) -> None:
        self._digest.update(chunk)
        self._file.write(chunk)

    def stop(self) -> None:
        """Let go of it, whatever has come."""
        self._file.close()

    def finish(self) -> Path:
        """Raises Unreachable when it is not what the server said it would be."""
        if self._sha256 not in (None, self._digest.hexdigest()):
            self._part.unlink()
            raise Unreachable(f"{self.url} came broken: its SHA-256 is another")
        return self._part.replace(self._place)
