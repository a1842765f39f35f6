"""Task types in the words of OpenAPI."""

from __future__ import annotations

from handlers import describing as say
from handlers.dialect import Documented
from handlers.dialects.task_types.calls import PATH, POLLED
from handlers.dialects.task_types.words import NAME
from pilotlight.contracts.tasks import TASKS


def describe(endpoint_id: str | None, name: str) -> Documented:
    """All routes; of one endpoint, how it is called and looked at."""
    record = say.fields(
        "request_id", "status",
        id=say.TEXT, request_id=say.TEXT, task=say.TEXT, model=say.TEXT,
        status=say.words("pending", "running", "completed", "failed"),
        progress={"type": "number", "minimum": 0, "maximum": 1},
        created_at=say.MOMENT, started_at=say.MOMENT, completed_at=say.MOMENT,
        output=say.output_of(name), error=say.ANYTHING, tags=say.TAGS,
    )  # fmt: skip
    wish = say.fields(
        "task", "model", "payload",
        id=say.TEXT, task={"type": "string", "examples": list(TASKS)},
        model={"const": endpoint_id} if endpoint_id else say.TEXT, payload=say.input_of(name),
        **{"async": {"type": "boolean", "default": False}}, webhook_url=say.URL, tags=say.TAGS,
    )  # fmt: skip
    submit = say.operation(
        NAME, "Do a task: its output, or with 202 its record.", "jobs:write",
        say.output_of(name), wish,
    )  # fmt: skip
    submit["responses"]["202"] = {
        "description": "It goes on.",
        "content": {"application/json": {"schema": record}},
    }
    place = ("request_id",)
    look = say.operation(NAME, "Look at a task.", "jobs:read", record, places=place)
    paths = {PATH: {"post": submit}, PATH + "/{request_id}": {"get": look}}
    if endpoint_id is None:
        table = say.fields("tasks", tasks={"type": "array", "items": say.ANYTHING})
        cancel = say.operation(NAME, "End a task.", "jobs:cancel", record, places=place)
        paths[PATH]["get"] = say.operation(NAME, "List task types.", "jobs:read", table)
        paths[PATH + "/{request_id}/cancel"] = {"post": cancel}
        for more in ("", "/status"):
            paths[POLLED + "/{request_id}" + more] = {"get": look}
    return Documented(paths, {})
