"""``/fal-ai/...``: fal's endpoints as YEScale resells them, one task record for a job's whole life.

Wire facts: YEScale's page of the record (docs at im06lq19wz.apifox.cn, api-326841390) and, for what
that leaves open, new-api, the software behind such resellers: the words for a status, the submit's
``{"code", "message", "data": task id}``, errors as ``{"code", "message", "data"}``. Times are whole
seconds since the epoch, 0 for what has not happened. Ours beside it: ``task_id`` in the submit's
answer, ``?fal_webhook=``, the fields in an error's ``data``, and ids of endpoints that are not fal's.
"""

from __future__ import annotations

import json
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from handlers import describing as say
from handlers import envelope, limits, outcome
from handlers.auth import caller_of
from handlers.bodies import whole
from handlers.dialect import Dialect, Documented, speaks
from handlers.receiver import receiver
from handlers.services import ask, services_of
from handlers.site import base_url
from pilotlight.catalogue import Catalogue
from pilotlight.contracts.job import HELD, Job, JobError, JobStatus
from pilotlight.errors import NotFound, PilotlightError
from pilotlight.intake.submission import Submission

NAME: Final = "yescale"
OWNER: Final = "fal-ai"
PATH: Final = f"/{OWNER}/"
_CODES: Final = {"unknown_job": "task_not_exist", "invalid_input": "invalid_request"}
"""new-api's words; a code of ours that is not here keeps its name."""
_WORDS: Final = {
    JobStatus.ACCEPTED: "SUBMITTED",
    JobStatus.SUCCEEDED: "SUCCESS",
    JobStatus.FAILED: "FAILURE",
    JobStatus.CANCELLED: "FAILURE",
    JobStatus.EXPIRED: "FAILURE",
}
_ALMOST: Final = 99
"""100 % is said of what has ended, whatever the model says."""


def refused(error: PilotlightError) -> Response:
    problems = getattr(error, "problems", ())
    said = {
        "code": _CODES.get(error.code, error.code),
        "message": str(error),
        "data": {"fields": envelope.fields_of(problems)} if problems else None,
    }
    headers = limits.headers_of(error) if error.http_status == 429 else None
    return JSONResponse(said, error.http_status, headers=headers)


@speaks(refused)
async def submit(request: Request) -> Response:
    """The body is the endpoint's input."""
    services, caller = services_of(request), await caller_of(request, "jobs:write")
    body = await whole(request, max_bytes=services.settings.ingress.max_body_bytes)
    wish = Submission(
        caller=caller,
        endpoint=endpoint_at(request.path_params["path"], services.catalogue),
        body=body,
        origin=NAME,
        options=outcome.inline_wish(body),
        base_url=base_url(request),
        webhook=receiver(request.query_params.get("fal_webhook"), "query", "fal_webhook"),
        idempotency_key=request.headers.get("idempotency-key"),
    )
    job = await services.submit(wish)
    return JSONResponse({"code": "success", "message": "", "data": job.id, "task_id": job.id})


def endpoint_at(path: str, catalogue: Catalogue) -> str:
    """``flux/dev`` is ``fal-ai/flux/dev``, unless only an endpoint of just that name is known."""
    path = path.strip("/")
    resold = f"{OWNER}/{path}"
    return path if catalogue.knows(path) and not catalogue.knows(resold) else resold


@speaks(refused)
async def fetch(request: Request) -> Response:
    services, caller = services_of(request), await caller_of(request, "jobs:read")
    task_id = request.path_params["path"]
    if "/" in task_id:
        raise NotFound(f"a task is read at {PATH}TASK_ID; {PATH}{task_id} can only be posted to")
    job = await ask(services, services.control.job, task_id, caller=caller)
    output = None
    if job.status is JobStatus.SUCCEEDED:
        output = await outcome.output_of(request, job)
    return JSONResponse(record(job, output=output, error=outcome.error_of(services, job)))


def record(job: Job, *, output: bytes | None, error: JobError | None) -> dict[str, Any]:
    """The task record, which is the webhook's body too."""
    word = _word(job)
    return {
        "action": "fal-" + job.endpoint.removeprefix(PATH[1:]).replace("/", "-"),
        "data": None if output is None else json.loads(output),
        "finish_time": int(job.ended_at or 0),
        "message": word.lower() if error is None else error.message,
        "platform": OWNER,
        "progress": f"{_percent(job)}%",
        "status": word,
        "submit_time": int(job.created_at),
        "task_id": job.id,
    }


def _word(job: Job) -> str:
    return _WORDS.get(job.status) or ("IN_PROGRESS" if job.status in HELD else "QUEUED")


def _percent(job: Job) -> int:
    if job.status.is_terminal:
        return 100
    return min(int(job.progress * 100), _ALMOST) if job.status in HELD else 0


def describe(endpoint_id: str | None, name: str) -> Documented:
    accepted = say.fields("data", code=say.TEXT, message=say.TEXT, data=say.TEXT, task_id=say.TEXT)
    whole_record = say.fields(
        action=say.TEXT, data=say.output_of(name), finish_time={"type": "integer"},
        message=say.TEXT, platform=say.TEXT, progress=say.TEXT,
        status=say.words("SUBMITTED", "QUEUED", "IN_PROGRESS", "SUCCESS", "FAILURE"),
        submit_time={"type": "integer"}, task_id=say.TEXT,
    )  # fmt: skip
    path, own = PATH + "{path}", ("path",)
    submit = say.operation(
        NAME, "Submit a task.", "jobs:write", accepted, say.input_of(name),
        places=() if endpoint_id else own,
    )  # fmt: skip
    look = say.operation(NAME, "Get a task by its id.", "jobs:read", whole_record, places=own)
    if endpoint_id is None:
        return Documented({path: {"post": submit, "get": look}}, {})
    called = PATH + endpoint_id.removeprefix(PATH[1:])
    return Documented({called: {"post": submit}, path: {"get": look}}, {})


DIALECT = Dialect(
    name=NAME,
    routes=(
        Route(PATH + "{path:path}", submit, methods=["POST"]),
        Route(PATH + "{path:path}", fetch, methods=["GET"]),
    ),
    announce=record,
    open_to_browsers=(PATH,),
    describe=describe,
)
