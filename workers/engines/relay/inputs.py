"""Files of the input as the upstream can read them: small ones inline, others uploaded to it."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

from pilotlight import InvalidInput, WorkerError
from pilotlight.contracts.artifact import BLOB_SCHEME
from pilotlight.contracts.sniff import HEAD_BYTES, sniff
from workers.engines.relay.outlasting import outlasting
from workers.engines.relay.refusals import Garbled, refusal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pilotlight import Context
    from pilotlight.upstreams import Upstream

INLINE_BYTES: Final = 128 * 1024
"""A file up to this travels in the request itself."""
MOST_INLINE: Final = 10 * 1024 * 1024
"""And up to this where the upstream takes no uploads: bodies are limited to 20 MB at fal's."""
_UPLOAD_S: Final = 600.0
_ASK_S: Final = 30.0
_INITIATE: Final = "/storage/upload/initiate?storage_type=fal-cdn-v3"


def replaced(value: Any, replace: Callable[[str], str]) -> Any:
    """A copy of the JSON value with each of our files' names replaced."""
    if isinstance(value, dict):
        return {name: replaced(item, replace) for name, item in value.items()}
    if isinstance(value, list):
        return [replaced(item, replace) for item in value]
    if isinstance(value, str) and value.startswith(BLOB_SCHEME):
        return replace(value)
    return value


def sendable(
    document: dict[str, Any], context: Context, upstream: Upstream, known: dict[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """The input as it is sent, and where its files were uploaded. ``known`` are such places.

    Raises NoAnswer, WorkerError.
    """
    places = dict(known)

    def replace(name: str) -> str:
        try:
            path = context.input_file(name)
        except InvalidInput:
            return name  # a caller's own words
        files_url = upstream.settings.files_url
        if path.stat().st_size <= INLINE_BYTES or files_url is None:
            return _inline(path, upstream)
        if name not in places:
            places[name] = outlasting(context, lambda: _uploaded(path, upstream, files_url))
        return places[name]

    return replaced(document, replace), places


def kind_of(path: Path) -> str:
    with path.open("rb") as file:
        return sniff(file.read(HEAD_BYTES)) or "application/octet-stream"


def _inline(path: Path, upstream: Upstream) -> str:
    if path.stat().st_size > MOST_INLINE:
        raise WorkerError(
            f"a file of more than {MOST_INLINE} bytes does not fit into a request: set files_url "
            f"of the upstream {upstream.name}"
        )
    return f"data:{kind_of(path)};base64,{base64.b64encode(path.read_bytes()).decode()}"


def _uploaded(path: Path, upstream: Upstream, files_url: str) -> str:
    kind = kind_of(path)
    asked = {"content_type": kind, "file_name": path.name}
    reply = upstream.ask("POST", _INITIATE, document=asked, base_url=files_url, within_s=_ASK_S)
    if reply.status // 100 != 2:
        raise refusal(upstream, reply)
    told = reply.document if isinstance(reply.document, dict) else {}
    put_to, found_at = told.get("upload_url"), told.get("file_url")
    if not isinstance(put_to, str) or not isinstance(found_at, str):
        raise Garbled(f"{upstream.name} did not say where to upload a file")
    sent = upstream.send_file(put_to, path, content_type=kind, within_s=_UPLOAD_S)
    if sent.status // 100 != 2:
        raise refusal(upstream, sent)
    return found_at
