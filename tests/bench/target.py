"""What a client says to a system under test, and how it reads the answers. No I/O.

All systems answer the same requests: submit, status, result and the synchronous run, in the queue
shapes of fal's clients. So one client measures them all.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from tests.bench.wire import request

if TYPE_CHECKING:
    from tests.bench.wire import Answer

ENDPOINT: Final = "pilotlight/echo"


class WrongAnswer(Exception):
    """A system said something else than it should; figures of it would mean nothing."""


@dataclass(frozen=True, slots=True)
class Target:
    port: int
    headers: str = ""
    """Whole header lines that go with every request."""

    def submit(self, text: str, *, webhook: str | None = None) -> bytes:
        query = f"?fal_webhook={quote(webhook, safe='')}" if webhook else ""
        return request("POST", f"/queue/{ENDPOINT}{query}", self.headers, _body(text))

    def run(self, text: str) -> bytes:
        return request("POST", f"/run/{ENDPOINT}", self.headers, _body(text))

    def status(self, job_id: str) -> bytes:
        return request("GET", f"/queue/{ENDPOINT}/requests/{job_id}/status", self.headers)

    def result(self, job_id: str) -> bytes:
        return request("GET", f"/queue/{ENDPOINT}/requests/{job_id}", self.headers)


def _body(text: str) -> bytes:
    return b'{"text":"%s"}' % text.encode()


def job_id(answer: Answer) -> str:
    """The id in a submit's answer. Raises WrongAnswer."""
    if answer.status not in {200, 202}:
        raise WrongAnswer(f"submit: {answer.status} {answer.body[:300]!r}")
    return str(json.loads(answer.body)["request_id"])


def is_completed(answer: Answer) -> bool:
    """Whether a status answer says that the job ended. Raises WrongAnswer."""
    if answer.status not in {200, 202}:
        raise WrongAnswer(f"status: {answer.status} {answer.body[:300]!r}")
    return b'"COMPLETED"' in answer.body


def check(answer: Answer, text: str) -> None:
    """Raises WrongAnswer unless the answer is this job's own output."""
    if answer.status != 200 or json.loads(answer.body).get("text") != text:
        raise WrongAnswer(f"result of {text!r}: {answer.status} {answer.body[:300]!r}")
