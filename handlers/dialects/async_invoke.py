"""``/v1/async-invoke``: start any endpoint, look, read; tags to find jobs by.

Wire facts: DigitalOcean's OpenAPI (digitalocean/openapi @7c1300c) and its guide to serverless
inference. One envelope answers everything: the submit, the status and the result. Errors are that
API's ``{"id", "message"}``. Ours beside it: ``tags`` in the envelope, ``webhook_url`` in the
submit, ``fields`` in errors. It lists nothing: ours, ``/api/jobs?tag=KEY=VALUE``, finds by tags.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from handlers import describing as say
from handlers import envelope, limits, outcome
from handlers.auth import caller_of
from handlers.dialect import Dialect, Documented, speaks
from handlers.envelope import TagFields
from handlers.moments import iso
from handlers.receiver import receiver
from handlers.services import ask, services_of
from handlers.site import base_url
from pilotlight.contracts import tags
from pilotlight.contracts.job import HELD, Job, JobError, JobStatus
from pilotlight.errors import PilotlightError
from pilotlight.intake.submission import Submission

NAME = "async-invoke"
PATH = "/v1/async-invoke"
_ERROR_IDS = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    422: "unprocessable_entity",
    429: "too_many_requests",
}
"""The vendor's words; any other status is ``server_error``."""


class Invocation(BaseModel):
    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    model_id: Annotated[str, Field(min_length=1)]
    input: dict[str, Any]
    tags: TagFields | None = None
    webhook_url: str | None = None


def refused(error: PilotlightError) -> Response:
    said: dict[str, Any] = {
        "id": _ERROR_IDS.get(error.http_status, "server_error"),
        "message": str(error),
    }
    if "job_id" in error.details:
        said["request_id"] = error.details["job_id"]
    if problems := getattr(error, "problems", ()):
        said["fields"] = envelope.fields_of(problems)
    headers = limits.headers_of(error) if error.http_status == 429 else None
    return JSONResponse(said, error.http_status, headers=headers)


@speaks(refused)
async def invoke(request: Request) -> Response:
    services, caller = services_of(request), await caller_of(request, "jobs:write")
    asked = await envelope.opened(request, Invocation)
    body = envelope.packed(asked.input)
    wish = Submission(
        caller=caller,
        endpoint=asked.model_id,
        body=body,
        origin=NAME,
        options=outcome.inline_wish(body),
        tags=envelope.tags_of(asked.tags),
        base_url=base_url(request),
        webhook=receiver(asked.webhook_url, "body", "webhook_url"),
        idempotency_key=request.headers.get("idempotency-key"),
    )
    with envelope.inside("input"):
        job = await services.submit(wish)
    # A repeated idempotency key may bring back a job that is over.
    return JSONResponse(await _said(request, job), 200 if job.status.is_terminal else 202)


@speaks(refused)
async def read(request: Request) -> Response:
    """The status and the result alike: clients in the field look for the output in either."""
    services, caller = services_of(request), await caller_of(request, "jobs:read")
    job_id = request.path_params["request_id"]
    job = await ask(services, services.control.job, job_id, caller=caller)
    return JSONResponse(await _said(request, job))


async def _said(request: Request, job: Job) -> dict[str, Any]:
    output = None
    if job.status is JobStatus.SUCCEEDED:
        output = await outcome.output_of(request, job)
    return words(job, output=output, error=outcome.error_of(services_of(request), job))


def words(job: Job, *, output: bytes | None, error: JobError | None) -> dict[str, Any]:
    """The envelope, which is the webhook's body too."""
    return {
        "request_id": job.id,
        "model_id": job.endpoint,
        "status": _word(job),
        "created_at": iso(job.created_at),
        "started_at": iso(job.started_at),
        "completed_at": iso(job.ended_at),
        "output": None if output is None else json.loads(output),
        "error": None if error is None else error.message,
        "tags": [one._asdict() for one in tags.read(job.tags)],
    }


def _word(job: Job) -> str:
    if job.status.is_terminal:
        return "COMPLETED" if job.status is JobStatus.SUCCEEDED else "FAILED"
    return "IN_PROGRESS" if job.status in HELD else "QUEUED"


def describe(endpoint_id: str | None, name: str) -> Documented:
    answered = say.fields(
        "request_id", "model_id", "status", "created_at",
        request_id=say.TEXT, model_id=say.TEXT,
        status=say.words("QUEUED", "IN_PROGRESS", "COMPLETED", "FAILED"),
        created_at=say.MOMENT, started_at=say.MOMENT, completed_at=say.MOMENT,
        output=say.output_of(name), error=say.TEXT, tags=say.TAGS,
    )  # fmt: skip
    wish = say.fields(
        "model_id", "input",
        model_id={"const": endpoint_id} if endpoint_id else say.TEXT,
        input=say.input_of(name), tags=say.TAGS, webhook_url=say.URL,
    )  # fmt: skip
    submit = say.operation(NAME, "Invoke a model.", "jobs:write", answered, wish, "202")
    look = say.operation(
        NAME, "Look at an invocation.", "jobs:read", answered, places=("request_id",)
    )
    place = PATH + "/{request_id}"
    paths = {PATH: {"post": submit}, place: {"get": look}, place + "/status": {"get": look}}
    return Documented(paths, {})


DIALECT = Dialect(
    name=NAME,
    routes=(
        Route(PATH, invoke, methods=["POST"]),
        Route(PATH + "/{request_id}", read, methods=["GET"]),
        Route(PATH + "/{request_id}/status", read, methods=["GET"]),
    ),
    announce=words,
    open_to_browsers=(PATH,),
    describe=describe,
)
