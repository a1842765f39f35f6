"""Submit by task type and model, read and cancel what was not waited for."""

from __future__ import annotations

from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from handlers import envelope, outcome
from handlers.auth import caller_of
from handlers.dialect import speaks
from handlers.dialects.task_types import naming, words
from handlers.dialects.task_types.words import NAME, REQUEST_ID
from handlers.envelope import TagFields
from handlers.receiver import receiver
from handlers.services import ask, services_of
from handlers.site import base_url
from pilotlight.contracts.job import Job, JobStatus
from pilotlight.contracts.tasks import TASKS, kinds_of
from pilotlight.errors import InvalidInput, Problem
from pilotlight.intake.submission import Submission

PATH: Final = "/v1/tasks"
POLLED: Final = "/fal/requests"
"""Where callers of ``"async": true`` look on the platform that has these task types."""
Name = Annotated[str, Field(min_length=1)]


class Task(BaseModel):
    """A node of a graph, or a call by itself: ``payload`` is what such nodes have."""

    model_config = ConfigDict(extra="forbid")

    id: str | None = Field(default=None, max_length=256)
    """The caller's own name for it; goes back as it came."""
    task: Name
    model: Name
    payload: dict[str, Any] | None = None
    input: dict[str, Any] | None = None
    later: bool = Field(default=False, alias="async")
    webhook_url: str | None = None
    tags: TagFields | None = None

    @model_validator(mode="after")
    def _one_input(self) -> Self:
        if (self.payload is None) == (self.input is None):
            raise PydanticCustomError(
                "value_error", "give the task's fields in payload or in input"
            )
        return self

    @property
    def field(self) -> str:
        return "payload" if self.input is None else "input"

    @property
    def document(self) -> dict[str, Any]:
        return self.payload or self.input or {}


@speaks(words.refused)
async def submit(request: Request) -> Response:
    """200 and the output where the task type may be waited for; else, and when it takes longer
    than a call may be held open, 202 and the record."""
    services, caller = services_of(request), await caller_of(request, "jobs:write")
    asked = await envelope.opened(request, Task)
    endpoint = naming.endpoint_for(services.catalogue, asked.task, asked.model)
    _check(asked, endpoint)
    wish = _submission(request, asked, caller=caller, endpoint=endpoint)
    with envelope.inside(asked.field):
        job = await services.submit(wish)
    if naming.is_sync(asked.task) and not asked.later:
        job = await outcome.ended(request, job)
        if job.status.is_terminal:
            return await _answer(request, job)
    return await _record(request, job, http_status=202)


def _check(asked: Task, endpoint: str) -> None:
    if asked.document.get("stream"):
        message = f"a task is answered whole; stream by /run/{endpoint}/stream, or as OpenAI does"
        raise InvalidInput(
            message, Problem(("body", asked.field, "stream"), message, "value_error", given=True)
        )


def _submission(request: Request, asked: Task, *, caller: str, endpoint: str) -> Submission:
    body = envelope.packed(asked.document)
    return Submission(
        caller=caller,
        endpoint=endpoint,
        body=body,
        origin=NAME,
        options={
            "task": asked.task,
            "model": asked.model,
            "id": asked.id,
            **outcome.inline_wish(body),
        },
        tags=envelope.tags_of(asked.tags),
        base_url=base_url(request),
        webhook=receiver(asked.webhook_url, "body", "webhook_url"),
        idempotency_key=request.headers.get("idempotency-key"),
    )


async def _answer(request: Request, job: Job) -> Response:
    error = outcome.error_of(services_of(request), job)
    if error is not None:
        return words.failed(error, request_id=job.id)
    body = await outcome.output_of(request, job)
    return Response(body, 200, {REQUEST_ID: job.id}, "application/json")


async def _record(request: Request, job: Job, *, http_status: int = 200) -> Response:
    services, output = services_of(request), None
    if job.status is JobStatus.SUCCEEDED:
        output = await outcome.output_of(request, job)
    said = words.record(job, output=output, error=outcome.error_of(services, job))
    said = words.with_task(said, job, services.catalogue)
    return JSONResponse(said, http_status, headers={REQUEST_ID: job.id})


@speaks(words.refused)
async def read(request: Request) -> Response:
    services, caller = services_of(request), await caller_of(request, "jobs:read")
    job_id = request.path_params["request_id"]
    return await _record(request, await ask(services, services.control.job, job_id, caller=caller))


@speaks(words.refused)
async def cancel(request: Request) -> Response:
    services, caller = services_of(request), await caller_of(request, "jobs:cancel")
    job_id = request.path_params["request_id"]
    job = await ask(services, services.control.cancel, job_id, caller=caller)
    return await _record(request, job)


@speaks(words.refused)
async def table(request: Request) -> Response:
    """The task types, each with the models that do it here."""
    await caller_of(request, "jobs:read")
    listed = [one for one in services_of(request).catalogue.listed() if one.worker]
    data = [
        {
            "task": task,
            "sync": TASKS[task].sync,
            "models": [one.id for one in listed if one.task in kinds_of(task)],
        }
        for task in TASKS
    ]
    return JSONResponse({"tasks": data})


ROUTES = (
    Route(PATH, submit, methods=["POST"]),
    Route(PATH, table, methods=["GET"]),
    Route(PATH + "/{request_id}", read, methods=["GET"]),
    Route(PATH + "/{request_id}/cancel", cancel, methods=["POST"]),
    Route(POLLED + "/{request_id}", read, methods=["GET"]),
    Route(POLLED + "/{request_id}/status", read, methods=["GET"]),
)
