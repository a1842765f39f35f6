"""One id for everything that is done for a request: in at the ingress, out at the webhook.

A trace id is 32 hexadecimal digits (W3C Trace Context, section 3.2.2.3), which is also what X-Ray
has: ``Root=1-`` and the first eight, then the other 24. A caller who brings none has the job's own
id, which has as many digits; so every job has one, and nothing is stored for it.
"""

from __future__ import annotations

import re
import secrets
from contextvars import ContextVar
from typing import Final

HEADER: Final = "traceparent"
XRAY_HEADER: Final = "x-amzn-trace-id"
_W3C: Final = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")
_XRAY: Final = re.compile(r"(?:.*;\s*)?Root=1-([0-9a-f]{8})-([0-9a-f]{24})(?:;.*)?")
_NOBODY: Final = "0" * 32

current: Final[ContextVar[str | None]] = ContextVar("trace", default=None)
"""Of the request being answered, if it brought one."""


def read(traceparent: str | None, xray: str | None = None) -> str | None:
    """The trace id that a request brings; None for none, or for one that is malformed."""
    if traceparent and (found := _W3C.fullmatch(traceparent)) and found[1] != _NOBODY:
        return found[1]
    if xray and (found := _XRAY.fullmatch(xray)):
        return found[1] + found[2]
    return None


def of(job_id: str, trace: str | None) -> str:
    """The job's trace id, whoever gave it."""
    return trace or job_id.replace("-", "")


def traceparent(trace: str) -> str:
    """What whoever is called next is told: this trace, a span of ours, sampled or not is theirs."""
    return f"00-{trace}-{secrets.token_hex(8)}-01"


def xray(trace: str) -> str:
    """The same for AWS's own services."""
    return f"Root=1-{trace[:8]}-{trace[8:]}"
