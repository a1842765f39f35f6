"""A job's message as Celery 5.7 puts it on SQS, read and written without Celery.

kombu: base64(JSON{headers, properties, body: base64(JSON[args, kwargs, embed])}). Both senders
write it and both receivers read it, so that they may be mixed while one replaces the other.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import uuid
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from pilotlight.contracts.message import JobMessage
from pilotlight.observability import trace

if TYPE_CHECKING:
    from collections.abc import Mapping

TASK: Final = "pilotlight.job"
"""The one task there is. A message that names another is left to the redrive."""


class Unreadable(Exception):
    """Not a message of ours, or of a version that this release does not know."""


def arguments(message: JobMessage) -> list[Any]:
    """What the task is called with: never more than a pointer."""
    return [message.version, message.job_id]


def fair_group(message: JobMessage) -> dict[str, Any]:
    """What makes SQS fair between callers: it holds back who has many messages in flight.

    A group's id has 128 plain characters at most, so it is a hash of the caller.
    """
    if not message.caller:
        return {}
    return {"MessageGroupId": hashlib.sha256(message.caller.encode()).hexdigest()[:32]}


def traced(message: JobMessage) -> dict[str, str]:
    """Headers of the Celery message."""
    return {trace.HEADER: trace.traceparent(message.trace)} if message.trace else {}


def encode(message: JobMessage) -> str:
    """The body of an SQS message."""
    embed = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    inner = _base64(json.dumps([arguments(message), {}, embed]))
    one = str(uuid.uuid4())
    outer = {
        "body": inner,
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {
            "lang": "py",
            "task": TASK,
            "id": one,
            "root_id": one,
            "retries": 0,
            **traced(message),
        },
        "properties": {
            "correlation_id": one,
            "delivery_mode": 2,
            "delivery_info": {},
            "delivery_tag": one,
            "priority": 0,
            "body_encoding": "base64",
        },
    }
    return _base64(json.dumps(outer))


def decode(body: str, *, worker: str = "") -> JobMessage:
    """Raises Unreadable."""
    try:
        outer = json.loads(base64.b64decode(body, validate=True))
        if outer["headers"]["task"] != TASK:
            raise Unreadable("it names another task")
        (version, job_id), *_ = json.loads(base64.b64decode(outer["body"], validate=True))
    except (binascii.Error, ValueError, TypeError, KeyError, AttributeError) as error:
        raise Unreadable("it is not a Celery message with two arguments") from error
    return parse(version, job_id, worker=worker)


def parse(version: object, job_id: object, *, worker: str = "") -> JobMessage:
    """The task's arguments as a message. Raises Unreadable."""
    fields: Mapping[str, object] = {"version": version, "job_id": job_id, "worker": worker}
    try:
        return JobMessage.model_validate(fields, strict=True)
    except ValidationError as error:
        raise Unreadable("its version or its job id is of a kind nobody knows") from error


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
