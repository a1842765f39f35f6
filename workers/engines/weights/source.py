"""Where the bytes of weights come from: a file of this machine, or whatever answers ranged GETs.

A source is opened once by each thread that reads from it. S3 is reached by presigned links
(:mod:`pilotlight.ports.weights`), so that a worker needs neither credentials nor boto3.
"""

from __future__ import annotations

import http.client
import os
import ssl
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

from pilotlight import WeightsMissing

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT_S: Final = 30
"""Longest pause between two pieces; then the connection is made anew."""


class Reader(Protocol):
    """One thread's hold on a source."""

    def start(self, begin: int, end: int) -> None:
        """The next bytes wanted are these. Raises OSError."""
        ...

    def fill(self, view: memoryview) -> int:
        """Some of them, in order, 1 at least. Raises OSError when there are no more."""
        ...

    def close(self) -> None: ...


class Source(Protocol):
    name: str
    size: int

    def open(self) -> Reader: ...


class FileSource:
    """Raises OSError when the file is not there."""

    def __init__(self, path: Path) -> None:
        self.name, self._path = path.name, path
        self.size = path.stat().st_size

    def open(self) -> FileReader:
        return FileReader(self._path)


class FileReader:
    """Reads in order are what disks and the kernel's read-ahead are fast at."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._at = 0
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self._fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)

    def start(self, begin: int, end: int) -> None:  # noqa: ARG002 - a file needs no end
        self._at = begin

    def fill(self, view: memoryview) -> int:
        count = os.preadv(self._fd, [view], self._at)
        if not count:
            raise OSError("the file became shorter")
        self._at += count
        return count

    def close(self) -> None:
        os.close(self._fd)


class HttpSource:
    """An object by its link; ``etag`` pins the version, so that two halves are of one object."""

    def __init__(self, url: str, *, name: str, size: int, etag: str = "") -> None:
        self.name, self.size, self._etag = name, size, etag
        self._url = urlsplit(url)
        if self._url.scheme not in ("http", "https") or not self._url.hostname:
            raise WeightsMissing(f"{name}: weights come by http or https, not {url[:40]!r}")

    def open(self) -> HttpReader:
        host, port = self._url.hostname or "", self._url.port
        connection: http.client.HTTPConnection
        if self._url.scheme == "https":
            context = ssl.create_default_context()
            connection = http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=context)
        else:
            connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
        target = self._url.path or "/"
        if self._url.query:
            target += f"?{self._url.query}"
        return HttpReader(connection, target, size=self.size, etag=self._etag, name=self.name)


class HttpReader:
    """One connection, kept from range to range. An error closes it; ``start`` opens it again."""

    def __init__(
        self,
        connection: http.client.HTTPConnection,
        target: str,
        *,
        size: int,
        etag: str,
        name: str,
    ) -> None:
        self._connection, self._target = connection, target
        self._size, self._name = size, name
        self._headers = {"Accept-Encoding": "identity"}
        if etag:
            self._headers["If-Match"] = etag
        self._answer: http.client.HTTPResponse | None = None

    def start(self, begin: int, end: int) -> None:
        self._drop()
        wanted = {**self._headers, "Range": f"bytes={begin}-{end - 1}"}
        try:
            self._connection.request("GET", self._target, headers=wanted)
            answer = self._connection.getresponse()
        except http.client.HTTPException as error:
            self._connection.close()
            raise OSError(f"{type(error).__name__} from the server of the weights") from None
        if answer.status != 206:
            self._connection.close()
            self._refuse(answer.status)
        said = answer.getheader("Content-Range", "")
        if said != f"bytes {begin}-{end - 1}/{self._size}":
            self._connection.close()
            raise WeightsMissing(f"{self._name}: another range came than was asked for: {said!r}")
        self._answer = answer

    def _refuse(self, status: int) -> None:
        if status >= 500 or status in (408, 429):
            raise OSError(f"the server of the weights says {status}")
        why = {
            200: "its server sends no ranges",
            403: "its link is not valid (any more)",
            404: "it is not there",
            412: "it was replaced while it was read",
        }.get(status, f"its server says {status}")
        raise WeightsMissing(f"{self._name}: {why}")

    def fill(self, view: memoryview) -> int:
        assert self._answer is not None
        try:
            count = self._answer.readinto(view)
        except http.client.HTTPException as error:
            raise OSError(f"{type(error).__name__} while the weights came") from None
        if not count:
            raise OSError("the connection ended early")
        return count

    def _drop(self) -> None:
        """What is left of an answer is cheaper to hang up on than to read."""
        if self._answer is not None:
            if not self._answer.isclosed():
                self._connection.close()
            self._answer = None

    def close(self) -> None:
        self._connection.close()
