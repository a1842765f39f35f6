"""OpenAI's paths that are not served here: which of ours does what they were called for.

The shape and the words of the beginning are OpenAI's: ``Invalid URL (POST /v1/threads)``.
"""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from handlers.dialects.openai.errors import REQUEST_ID, own_id
from handlers.dialects.openai.places import prefix_of
from handlers.site import path_of

_CHAT: Final = "send the whole conversation to {0}/chat/completions"
_MEDIA: Final = "submit to its endpoint at /queue/ENDPOINT; GET {0}/models lists them"
_LEARN: Final = "submit to an endpoint that trains at /queue/ENDPOINT; GET {0}/models lists them"
_INSTEAD: Final = {
    "responses": "use POST {0}/responses and GET {0}/responses/ID; " + _CHAT,
    "conversations": _CHAT,
    "assistants": _CHAT,
    "threads": _CHAT,
    "chatkit": _CHAT,
    "chat": "answers are not kept as conversations; " + _CHAT,
    "realtime": "open a WebSocket at /run/ENDPOINT/realtime, or " + _CHAT,
    "images": "use {0}/images/generations or {0}/images/edits",
    "audio": "use {0}/audio/speech, {0}/audio/transcriptions or {0}/audio/translations",
    "videos": _MEDIA,
    "fine_tuning": _LEARN,
    "uploads": "send the whole file to {0}/files; it goes to disk as it arrives",
    "vector_stores": "make {0}/embeddings and keep them yourself; {0}/rerank sorts documents",
}
"""By the first part behind the prefix."""


def unserved(request: Request, error: HTTPException) -> Response:
    """404 that names what to use, or 405 that names the methods."""
    path, method = path_of(request.scope), request.method
    if error.status_code == 405:
        allowed = Headers(error.headers or {}).get("allow", "")
        said = f"Not allowed to {method} on {path}; use {allowed}"
        return _refused(405, said, "method_not_supported", {"allow": allowed})
    prefix = prefix_of(path)
    first = path.removeprefix(prefix).strip("/").partition("/")[0]
    instead = _INSTEAD.get(first, "GET /openapi.json lists what is served here").format(prefix)
    return _refused(404, f"Invalid URL ({method} {path}): {instead}", "unknown_url", {})


def _refused(http_status: int, message: str, code: str, headers: dict[str, str]) -> Response:
    body = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return JSONResponse({"error": body}, http_status, headers={REQUEST_ID: own_id(), **headers})
