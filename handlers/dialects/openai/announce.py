"""What is posted to ``webhook`` when a request ends: an event in OpenAI's shape."""

from __future__ import annotations

import json
from typing import Any

from handlers.dialects.openai import batch_words, errors, operations, replies
from handlers.dialects.openai.operation import TheFile
from pilotlight.contracts.job import Job, JobError
from pilotlight.intake.groups.batches.ticket import ENDPOINT


def announce(job: Job, *, output: bytes | None, error: JobError | None) -> dict[str, Any]:
    """``data.response`` is the call's answer where it is JSON; else the output, files as URLs."""
    if job.endpoint == ENDPOINT:
        return batch_words.announce(job)
    said: dict[str, Any] = {"id": job.id, "object": "request", "model": job.endpoint}
    if error is not None:
        named = replies.in_callers_names(job, error)
        said |= {"status": replies.word(job), **errors.body_of(named)[1]}
    else:
        said |= {"status": "completed", "error": None, "response": _answer(job, output)}
    return {
        "id": f"evt_{job.id}",
        "object": "event",
        "type": f"request.{replies.word(job)}",
        "created_at": int(job.ended_at or job.created_at),
        "data": said,
    }


def _answer(job: Job, output: bytes | None) -> Any:
    if output is None:
        return None
    document = json.loads(output)
    told = replies.told(job, document)
    operation = operations.NAMED.get(told.options.get("op", ""))
    content = document if operation is None else operation.answer(told)
    if isinstance(content, TheFile):
        return document
    return content if isinstance(content, dict) else content.text
