"""What the client raises.

ClientError
├── Unreachable         nothing answers there, after every try
├── NotFinished         the result was wanted, and the job goes on
├── JobFailed           the job ended without succeeding; ``info`` has all of it
└── ApiError            the request was refused: ``code``, ``field`` and ``problems`` say why
    ├── InvalidRequest  400, 413, 422
    ├── Unauthenticated 401
    ├── Forbidden       403
    ├── NotFound        404
    ├── Conflict        409: the job's state is in the way
    └── TooManyRequests 429, after every try
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pilotlight.client.shapes import Problem, Reason

if TYPE_CHECKING:
    from pilotlight.client.shapes import JobInfo


class ClientError(Exception):
    """Base of the tree."""


class Unreachable(ClientError):
    """Nothing answers at the URL, or not as a Pilotlight does."""


class NotFinished(ClientError):
    """The job goes on; ``info`` is how it stands."""

    def __init__(self, info: JobInfo) -> None:
        super().__init__(f"job {info.id} is {info.status}")
        self.info = info


class JobFailed(ClientError):
    """The job failed, was cancelled or expired; ``reason`` says why."""

    def __init__(self, info: JobInfo) -> None:
        self.reason = info.error or Reason("unknown", "no reason was given")
        super().__init__(f"job {info.id} {info.status}: {self.reason.message}")
        self.info = info


class ApiError(ClientError):
    """The server's own words. ``field`` is what is wrong first, such as ``input.prompt``."""

    def __init__(self, http_status: int, reason: Reason) -> None:
        super().__init__(reason.message)
        self.http_status = http_status
        self.code = reason.code
        self.field = reason.field
        self.problems: tuple[Problem, ...] = reason.problems


class InvalidRequest(ApiError):
    """The request is wrong; the fields are named."""


class Unauthenticated(ApiError):
    """No key, or one that nobody knows."""


class Forbidden(ApiError):
    """The key lacks the scope."""


class NotFound(ApiError):
    """Not there, or another caller's."""


class Conflict(ApiError):
    """The job has ended already, or has not ended yet."""


class TooManyRequests(ApiError):
    """Over a quota, or too much waits, after every try."""


_KINDS: Final[dict[int, type[ApiError]]] = {
    400: InvalidRequest,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: InvalidRequest,
    422: InvalidRequest,
    429: TooManyRequests,
}


def refusal(http_status: int, said: Any) -> ApiError:
    """What an answer stands for. ``said`` is its JSON, or None when it was none."""
    error = said.get("error") if isinstance(said, dict) else None
    if isinstance(error, dict):
        reason = Reason.read(error)
    else:
        reason = Reason("http_error", f"the server answered {http_status}")
    return _KINDS.get(http_status, ApiError)(http_status, reason)
