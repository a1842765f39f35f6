"""``previous_response_id``: a conversation that goes on from a response of the caller's own.

Nothing is kept for it but the job itself: its messages are in its input, its answer is its output,
and both last as long as any job does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from handlers.dialects.openai import replies
from handlers.dialects.openai.chat import choices_of
from handlers.dialects.openai.errors import WrongUse
from handlers.dialects.openai.operation import Document
from handlers.dialects.openai.places import DIALECT_NAME
from pilotlight.bootstrap.ingress import Services
from pilotlight.contracts.artifact import BLOB_SCHEME
from pilotlight.contracts.job import Job, JobStatus
from pilotlight.contracts.media import media_fields
from pilotlight.contracts.routes import files_by
from pilotlight.errors import UnknownJob

FIELD = "previous_response_id"
PREFIX = "resp_"


class Earlier(list[Document]):
    """The messages so far, the model's own last."""

    def __init__(self, response_id: str, messages: list[Document]) -> None:
        super().__init__(messages)
        self.response_id = response_id


def find(services: Services, response_id: object, caller: str) -> Job:
    """Raises UnknownJob, for another caller's and for a job that was no response too."""
    unknown = UnknownJob(f"no response found with the id {str(response_id)[:100]!r}")
    if not (isinstance(response_id, str) and response_id.startswith(PREFIX)):
        raise unknown
    try:
        job = services.control.job(response_id.removeprefix(PREFIX), caller=caller)
    except UnknownJob:
        raise unknown from None
    operation = replies.operation_of(services, job)
    if operation is None or operation.pending is None or job.origin != DIALECT_NAME:
        raise unknown
    return job


def continued(services: Services, document: Document, caller: str, *, site: str) -> Document:
    """The same, with the messages of the response that it names. Raises WrongUse."""
    response_id = document.get(FIELD)
    if response_id is None:
        return document
    try:
        job = find(services, response_id, caller)
    except UnknownJob as error:
        raise WrongUse(str(error), param=FIELD) from None
    if job.status is not JobStatus.SUCCEEDED:
        said = f"{response_id} is {replies.word(job)}; nothing can be said to it"
        raise WrongUse(said, param=FIELD)
    messages: list[Document] = json.loads(job.input)["messages"]
    if replies.told(job).options.get("instructed"):
        messages = messages[1:]  # instructions are for one response alone
    output = replies.output_of(services, job, site=site, inline=False)
    answer = next((one.get("message") or {} for one in choices_of(output)), {})
    kept = {name: answer[name] for name in ("content", "tool_calls") if answer.get(name)}
    messages = [*messages, {"role": "assistant", "content": None, **kept}]
    urls = _urls(services, job, site)
    told = [_readable(message, urls) for message in messages]
    return {**document, FIELD: Earlier(str(response_id), told)}


def _urls(services: Services, job: Job, site: str) -> dict[str, str]:
    """Of the files that intake put into the job's input. What only looks like one is a caller's
    own word for a file that may be anybody's: no URL is made of it."""
    model = files_by(services.catalogue.endpoint(job.endpoint).spec, job.endpoint)
    if BLOB_SCHEME not in job.input or model is None:
        return {}
    found = {field.url for field in media_fields(model.model_validate_json(job.input))}
    keys = {url: url.removeprefix(BLOB_SCHEME) for url in found if url.startswith(BLOB_SCHEME)}
    return {
        url: services.blobs.get_url(key, base_url=site, expires_at=None)
        for url, key in keys.items()
    }


def _readable(value: Any, urls: Mapping[str, str]) -> Any:
    """Files that the earlier job was given, at URLs that this one may read."""
    if isinstance(value, list):
        return [_readable(one, urls) for one in value]
    if not isinstance(value, dict):
        return value
    told = {name: _readable(one, urls) for name, one in value.items()}
    url = told.get("url")
    return {**told, "url": urls[url]} if isinstance(url, str) and url in urls else told
