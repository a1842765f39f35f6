"""``/batches`` in the words of OpenAPI."""

from __future__ import annotations

import functools
from typing import Final

from handlers import describing as say
from handlers.dialect import Schema
from handlers.dialects.openai.batch_lines import RUN
from handlers.dialects.openai.places import DIALECT_NAME

_WHOLE: Final[Schema] = {"type": "integer"}
_KEEP: Final = say.fields("anchor", "seconds", anchor=say.words("created_at"), seconds=_WHOLE)
_WISH: Final = say.fields(
    "input_file_id", "endpoint", "completion_window",
    input_file_id=say.TEXT, completion_window=say.TEXT, metadata=say.ANYTHING, webhook=say.URL,
    endpoint={**say.TEXT, "description": f"/v1/chat/completions ..., or {RUN}ENDPOINT."},
    output_expires_after=_KEEP,
)  # fmt: skip
_BATCH: Final = say.fields(
    "id", "status", "endpoint", "input_file_id", "request_counts",
    id=say.TEXT, object=say.words("batch"), endpoint=say.TEXT, input_file_id=say.TEXT,
    completion_window=say.TEXT, errors=say.ANYTHING, metadata=say.ANYTHING,
    status=say.words(
        "validating", "failed", "in_progress", "finalizing", "completed", "expired", "cancelling",
        "cancelled",
    ),
    output_file_id=say.TEXT, error_file_id=say.TEXT, created_at=_WHOLE, expires_at=_WHOLE,
    in_progress_at=_WHOLE, finalizing_at=_WHOLE, completed_at=_WHOLE, failed_at=_WHOLE,
    expired_at=_WHOLE, cancelling_at=_WHOLE, cancelled_at=_WHOLE,
    request_counts=say.fields(total=_WHOLE, completed=_WHOLE, failed=_WHOLE),
)  # fmt: skip
_LIST: Final = say.fields("data", object=say.words("list"), data={"type": "array", "items": _BATCH})
_say = functools.partial(say.operation, DIALECT_NAME)


def paths() -> dict[str, Schema]:
    """OpenAI answers 400 where others answer 422."""
    created = _say("Run the lines of a file.", "jobs:write", _BATCH, _WISH)
    created["responses"]["400"] = created["responses"].pop("422")
    place = ("id",)
    return {
        "/batches": {
            "post": created,
            "get": _say("List batches, newest first.", "jobs:read", _LIST),
        },
        "/batches/{id}": {"get": _say("Look at a batch.", "jobs:read", _BATCH, places=place)},
        "/batches/{id}/cancel": {"post": _say("End a batch.", "jobs:cancel", _BATCH, places=place)},
    }
