"""An agent, a run and an error as they are answered. Times are RFC 3339 in UTC."""

from __future__ import annotations

import json
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from handlers import api, limits, outcome
from handlers.moments import iso
from handlers.services import services_of
from handlers.site import base_url
from pilotlight.contracts.agent import Definition
from pilotlight.contracts.job import Job, JobError, JobStatus
from pilotlight.errors import AlreadyFinished, PilotlightError
from pilotlight.intake.groups.agents import view
from pilotlight.intake.groups.agents.room import MOST_CHARS, Room, TooMuch
from pilotlight.intake.groups.agents.run import Run, Ticket
from pilotlight.intake.groups.agents.service import definition_of
from pilotlight.intake.groups.agents.view import NodeView
from pilotlight.ports.agents import AgentRecord

NAME: Final = "agents"
AGENTS: Final = "/api/agents"
RUNS: Final = "/api/agent-runs"
MOST_IDS: Final = 1000
"""Jobs of one node that a look at a run names."""
MOST_OUTPUTS: Final = MOST_CHARS
"""Of all nodes' outputs together, in one answer."""
_LEFT_OUT: Final = "too long to be shown with the others: ask for its jobs"


def render(error: PilotlightError) -> Response:
    said = api.shape(JobError.of(error))
    if "status" in error.details:
        said["status"] = error.details["status"]
    headers = limits.headers_of(error) if error.http_status in (429, 503) else None
    status = 409 if isinstance(error, AlreadyFinished) else error.http_status
    return JSONResponse({"error": said}, status, headers=headers)


def agent(record: AgentRecord, *, site: str) -> dict[str, Any]:
    return {
        "id": record.id,
        "version": record.version,
        "name": record.name,
        "created_at": iso(record.created_at),
        **plain(definition_of(record)),
        "url": f"{site}{AGENTS}/{record.id}",
    }


def plain(definition: Definition) -> dict[str, Any]:
    said: dict[str, Any] = definition.model_dump(mode="json", exclude_defaults=True)
    return said


def brief(head: Job, *, error: JobError | None, site: str) -> dict[str, Any]:
    """What a list shows of a run."""
    ticket = Ticket(**json.loads(head.input))
    return {
        "id": head.id,
        "agent": ticket.agent,
        "status": str(head.status) if head.status.is_terminal else "running",
        "created_at": iso(head.created_at),
        "ended_at": iso(head.ended_at),
        "expires_at": iso(head.start_by),
        "error": None if error is None else api.shape(error),
        "url": f"{site}{RUNS}/{head.id}",
    }


def run(request: Request, head: Job, *, with_outputs: bool = False) -> dict[str, Any]:
    """All there is to know of a run. Reads rows."""
    services, site = services_of(request), base_url(request)
    store, blobs = services.store, services.blobs
    seen = view.look(head, services.members, store)
    said = brief(head, error=outcome.error_of(services, head), site=site)
    said["input"] = seen.run.ticket.given
    said["nodes"] = [_node(seen.run, one) for one in seen.nodes]
    if with_outputs:
        room = Room(MOST_OUTPUTS)
        for node, shown in zip(seen.nodes, said["nodes"], strict=True):
            if node.status != "succeeded":
                continue
            try:
                shown["output"] = view.output_of(
                    node, seen.run, store, blobs, base_url=site, room=room
                )
            except TooMuch:
                shown["output"], shown["output_left_out"] = None, _LEFT_OUT
    said["output"] = None
    if head.status is JobStatus.SUCCEEDED:
        said["output"] = json.loads(services.control.output(head, base_url=site))
    return said


def _node(run: Run, seen: NodeView) -> dict[str, Any]:
    node = seen.node
    error = seen.error
    said: dict[str, Any] = {
        "id": node.id,
        "task": node.task,
        "endpoint": seen.endpoint,
        "needs": list(node.upstream),
        "status": seen.status,
        "error": error and {name: error[name] for name in ("code", "message")},
    }
    if node.map is not None:
        said["map"] = {"total": seen.total, **seen.counts}
        said["job_ids"] = [run.member_id(key) for key in seen.keys[:MOST_IDS]]
        return said
    job = seen.telling
    said["job_id"] = None if job is None else job.id
    said["started_at"] = None if job is None else iso(job.started_at)
    said["ended_at"] = None if job is None else iso(job.ended_at)
    said["progress"] = 0.0 if job is None else job.progress
    return said


def announce(job: Job, *, output: bytes | None, error: JobError | None) -> dict[str, Any]:
    """What is posted to ``webhook`` when a run is over."""
    said = brief(job, error=error, site="")
    said["output"] = None if output is None else json.loads(output)
    return {"type": f"agent_run.{job.status}", "run": {k: v for k, v in said.items() if k != "url"}}
