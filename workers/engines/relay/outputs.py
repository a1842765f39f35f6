"""Files of a result, brought here: its caller must not depend on how long the upstream keeps them."""

from __future__ import annotations

import base64
import binascii
import mimetypes
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from pilotlight.errors import FetchFailed
from workers.engines.relay.outlasting import outlasting
from workers.engines.relay.refusals import Failed, Garbled

if TYPE_CHECKING:
    from pilotlight import Context
    from pilotlight.upstreams import Upstream

_SAFE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,100}")
_DATA: Final = re.compile(r"data:([\w.+/-]*)(?:;[\w.+-]+=[^;,]*)*;base64,", re.ASCII)


def brought(output: Any, context: Context, upstream: Upstream) -> Any:
    """A copy of the result in which every object's ``url`` is a file of this attempt.

    What else it says of a file stays. Raises Failed for a file that does not come: the request
    is not asked again, the next attempt reads the result once more.
    """
    bringer = _Bringer(context, upstream)
    return bringer.walk(output)


def written(context: Context, name: str, data: bytes) -> Path:
    """A file of this attempt."""
    path = context.folder / (name if _SAFE.fullmatch(name) else "file")
    path.write_bytes(data)
    return path


class _Bringer:
    def __init__(self, context: Context, upstream: Upstream) -> None:
        self._context, self._upstream = context, upstream
        self._paths: dict[str, Path] = {}

    def walk(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.walk(item) for item in value]
        if not isinstance(value, dict):
            return value
        walked = {name: self.walk(item) for name, item in value.items()}
        url = value.get("url")
        if isinstance(url, str) and url.startswith(("http://", "https://", "data:")):
            path = self.file(url, value)
            walked["url"] = path.as_uri()
            if "file_size" in value:
                walked["file_size"] = path.stat().st_size
        return walked

    def file(self, url: str, described: dict[str, Any]) -> Path:
        if url not in self._paths:
            self._context.log(f"bringing file {len(self._paths) + 1} from {self._upstream.name}")
            take = self._decoded if url.startswith("data:") else self._fetched
            self._paths[url] = take(url, described).resolve()
        return self._paths[url]

    def _fetched(self, url: str, described: dict[str, Any]) -> Path:
        try:
            folder = self._context.folder
            got = outlasting(self._context, lambda: self._upstream.fetch(url, folder))
        except FetchFailed as error:
            raise Failed(f"a result file of {self._upstream.name} did not come: {error}") from None
        name = described.get("file_name") or unquote(urlsplit(url).path).rpartition("/")[2]
        said = described.get("content_type")
        path = self._place(str(name), said if isinstance(said, str) else got.content_type)
        return got.path.rename(path)

    def _decoded(self, url: str, described: dict[str, Any]) -> Path:
        head = _DATA.match(url)
        try:
            data = base64.b64decode(url[head.end() :], validate=True) if head else b""
        except binascii.Error:
            data = b""
        if head is None or not data:
            raise Garbled(f"{self._upstream.name} returned a data URI that cannot be read")
        path = self._place(str(described.get("file_name") or ""), head[1])
        path.write_bytes(data)
        return path

    def _place(self, name: str, content_type: str) -> Path:
        """A name of its own in the folder, with an ending that tells what it is."""
        name = name if _SAFE.fullmatch(name) else "file"
        if not Path(name).suffix:
            name += mimetypes.guess_extension(content_type or "") or ""
        folder = self._context.folder
        return (
            folder / name if not (folder / name).exists() else folder / f"{len(self._paths)}-{name}"
        )
