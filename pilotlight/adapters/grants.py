"""Grants: the part of a file's URL that stands for a key.

A grant lies in the path, not in the query: clients append ``/multipart/...`` to a URL they were
given, and an HTTP library that adds its own parameters drops the others. It signs the file's key,
the verb and the times, so nothing is stored and no other file can be reached with it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import math
import re
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from pilotlight.errors import UnknownFile
from pilotlight.ports.blobs import Grant

_GRANT: Final = r"(?P<verb>[gp])(?P<until>[0-9]{0,12})\.(?P<keep>[0-9]{0,12})\.(?P<mac>[\w-]{22})"
_TEXT: Final = re.compile(_GRANT, re.ASCII)
_PATH: Final = re.compile(rf"(?:/[^?#]*)?/files/(?P<grant>{_GRANT})/(?P<key>.+)", re.ASCII)
_MAC_BYTES: Final = 16


class Own(NamedTuple):
    """A URL that looks like one of ours."""

    grant: str
    key: str


def own(url: str) -> Own | None:
    """Read ``.../files/GRANT/KEY`` on any host; nothing is checked yet."""
    match = _PATH.fullmatch(urlsplit(url).path)
    return Own(match["grant"], unquote(match["key"])) if match else None


@dataclass(frozen=True, slots=True)
class Grants:
    secret: bytes

    def url(
        self,
        key: str,
        *,
        base_url: str,
        write: bool,
        expires_at: float | None,
        object_expires_at: float | None = None,
    ) -> str:
        head = f"{'p' if write else 'g'}{_whole(expires_at)}.{_whole(object_expires_at)}"
        return f"{base_url}/files/{head}.{self._mac(head, key)}/{quote(key)}"

    def check(self, text: str, key: str, *, now: float) -> Grant:
        """Raises UnknownFile for a forged grant, one for another key, and one that is over."""
        match = _TEXT.fullmatch(text)
        head = text.rpartition(".")[0]
        if match is None or not hmac.compare_digest(match["mac"], self._mac(head, key)):
            raise UnknownFile("no such file")
        if match["until"] and int(match["until"]) <= now:
            raise UnknownFile("this link has expired")
        keep = float(match["keep"]) if match["keep"] else None
        return Grant(write=match["verb"] == "p", object_expires_at=keep)

    def _mac(self, head: str, key: str) -> str:
        mac = hmac.new(self.secret, f"{head}\0{key}".encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(mac[:_MAC_BYTES]).rstrip(b"=").decode()


def _whole(moment: float | None) -> str:
    return "" if moment is None else str(math.ceil(moment))
