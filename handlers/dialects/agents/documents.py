"""Agents in the words of OpenAPI."""

from __future__ import annotations

import functools
from typing import Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from handlers import describing as say
from handlers.dialect import Documented, Schema
from handlers.dialects.agents.shapes import AgentWish, CheckWish, InlineRun, RunWish
from handlers.dialects.agents.words import AGENTS, NAME, RUNS
from pilotlight.intake.scopes import Scope

PREFIX: Final = "Agents"
"""Before our schemas' names: an endpoint may have a Node of its own."""
_REFS: Final = "#/components/schemas/"
_STATES: Final = (
    "waiting", "queued", "running", "succeeded", "skipped", "failed", "cancelled", "expired",
)  # fmt: skip
_WHOLE: Final[Schema] = {"type": "integer"}

_NODE: Final = say.fields(
    "id", "endpoint", "needs", "status",
    id=say.TEXT, task={"type": ["string", "null"]}, endpoint=say.TEXT,
    needs={"type": "array", "items": say.TEXT}, status=say.words(*_STATES),
    started_at=say.MOMENT, ended_at=say.MOMENT, error={"type": ["object", "null"]},
    job_id={"type": ["string", "null"]}, job_ids={"type": "array", "items": say.TEXT},
    map=say.fields(total={"type": ["integer", "null"]}, succeeded=_WHOLE), output={},
)  # fmt: skip
_BRIEF: Final = {
    "id": say.TEXT,
    "agent": {"type": ["object", "null"]},
    "status": say.words("running", "succeeded", "failed", "cancelled", "expired"),
    "created_at": say.MOMENT,
    "ended_at": say.MOMENT,
    "expires_at": say.MOMENT,
    "error": {"type": ["object", "null"]},
    "url": say.URL,
}
_RUN: Final = say.fields(
    "id", "status", "nodes", **_BRIEF, input=say.ANYTHING,
    nodes={"type": "array", "items": _NODE}, output={},
)  # fmt: skip
_LISTED: Final = say.fields(
    "runs", runs={"type": "array", "items": say.fields("id", "status", **_BRIEF)},
    next_cursor={"type": ["string", "null"]},
)  # fmt: skip
_AGENT: Final = say.fields(
    "id", "version", "nodes",
    id=say.TEXT, version=_WHOLE, name=say.TEXT, created_at=say.MOMENT,
    nodes={"type": "array", "items": say.ANYTHING}, output={}, url=say.URL,
)  # fmt: skip
_CHECKED: Final = say.fields("nodes", nodes={"type": "array", "items": say.ANYTHING})


def describe(endpoint_id: str | None, name: str) -> Documented:  # noqa: ARG001 - no route is one endpoint's
    """Every route; nothing of one endpoint, since a graph calls many."""
    if endpoint_id is not None:
        return Documented({}, {})
    one, of_it, run = AGENTS + "/{agent_id}", ("agent_id",), ("run_id",)
    agents = {"type": "object", "properties": {"agents": {"type": "array", "items": _AGENT}}}
    removed = _op("Let an agent go; its runs go on.", "jobs:write", {}, status="204", places=of_it)
    removed["responses"]["204"] = {"description": "Gone."}
    paths: Schema = {
        AGENTS: {
            "post": _op("Keep an agent.", "jobs:write", _AGENT, AgentWish, "201"),
            "get": _op("List your agents.", "jobs:read", agents),
        },
        AGENTS + "/check": {
            "post": _op("Check a graph; nothing is kept.", "jobs:read", _CHECKED, CheckWish)
        },
        one: {
            "get": _op("Look at an agent.", "jobs:read", _AGENT, places=of_it),
            "put": _op("Make its next version.", "jobs:write", _AGENT, AgentWish, places=of_it),
            "delete": removed,
        },
        one + "/runs": {"post": _op("Run it.", "jobs:write", _RUN, RunWish, "202", of_it)},
        RUNS: {
            "post": _op("Run a graph.", "jobs:write", _RUN, InlineRun, "202"),
            "get": _op("List your runs, newest first.", "jobs:read", _LISTED),
        },
        RUNS + "/{run_id}": {"get": _op("Look at a run.", "jobs:read", _RUN, places=run)},
        RUNS + "/{run_id}/cancel": {
            "post": _op("End a run with all its jobs.", "jobs:cancel", _RUN, places=run)
        },
    }
    return Documented(paths, _schemas())


def _op(
    text: str, scope: Scope, gives: Schema, takes: type[BaseModel] | None = None,
    status: str = "200", places: tuple[str, ...] = (),
) -> Schema:  # fmt: skip
    wanted = None if takes is None else {"$ref": f"{_REFS}{PREFIX}{takes.__name__}"}
    return say.operation(NAME, text, scope, gives, wanted, status, places)


@functools.cache
def _schemas() -> Schema:
    models: tuple[type[BaseModel], ...] = (AgentWish, CheckWish, InlineRun, RunWish)
    _, made = models_json_schema(
        [(model, "validation") for model in models], ref_template=f"{_REFS}{PREFIX}{{model}}"
    )
    return {PREFIX + name: schema for name, schema in made["$defs"].items()}
