"""The dialect's tests play the replica themselves; only the endpoints are the stand-ins'."""

from __future__ import annotations

import json

from tests.dialects.stage import Background

PARROT = "tests/parrot"
HELLO = {"model": PARROT, "messages": [{"role": "user", "content": "hi"}]}


def said(text, **more):
    """A chat worker's output."""
    message = {"role": "assistant", "content": text, **more}
    return {
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 0},
    }


def answered(stage, client, path, body, output, artifacts=(), **more):
    """The job that a call became, and its reply once the job ended with this output."""
    given = {"json": body} if body is not None else {}
    call = Background(client.post, path, **given, **more)
    job = stage.only_job()
    made = [artifact(stage, job) for artifact in artifacts]
    stage.succeed(job.id, output, made)
    return job, call.result()


def events(reply):
    """Every event of a stream but the comments, read as JSON where it is JSON."""
    found = []
    for line in reply.iter_lines():
        if line.startswith("data: "):
            text = line.removeprefix("data: ")
            found.append(text if text == "[DONE]" else json.loads(text))
    return found


def streamed(stage, client, path, body, tell):
    """All events of a stream; ``tell(job)`` plays the replica."""

    def call():
        with client.stream("POST", path, json=body) as reply:
            assert reply.status_code == 200, reply.read()
            return reply.headers, events(reply)

    calling = Background(call)
    job = stage.only_job()
    stage.start(job.id)
    tell(job)
    return calling.result()
