"""What a dialect must provide, and the strict scan that finds them.

A dialect is a module or package below ``handlers/dialects`` that defines ``DIALECT``. It is
translation only: foreign words in, foreign words out.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from handlers.plugins import scan
from pilotlight.bootstrap.ingress import Services
from pilotlight.contracts.job import Job, JobError
from pilotlight.errors import PilotlightError
from pilotlight.intake.groups.batches.format import Format
from pilotlight.observability.logs import failure

Endpoint = Callable[[Request], Awaitable[Response]]


class Announce(Protocol):
    """Renders the webhook's body for a finished job of this dialect."""

    def __call__(
        self, job: Job, *, output: bytes | None, error: JobError | None
    ) -> dict[str, Any]: ...


Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Documented:
    """Routes in OpenAPI's words, and the schemas that they name below ``#/components/schemas/``."""

    paths: Schema
    schemas: Schema


class Describe(Protocol):
    """What a dialect has to say in ``/openapi.json``."""

    def __call__(self, endpoint_id: str | None, name: str) -> Documented:
        """All its routes; or, of one endpoint, those that call it: ``name`` and ``Input`` is the
        schema of what it takes, ``name`` and ``Output`` of what it gives."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    name: str
    """``job.origin`` of what comes in through it."""
    routes: Sequence[BaseRoute]
    announce: Announce
    open_to_browsers: tuple[str, ...] = ()
    """Path prefixes that pages of any origin may call. Keys travel in a header, never in a
    cookie, so a foreign page can do nothing that it has no key for."""
    hosts: Mapping[str, str] = field(default_factory=dict)
    """The vendor's host names, each with the prefix under which we serve it."""
    relays: Mapping[str, str] = field(default_factory=dict)
    """Paths where a request names its real URL in a header, each with that header's name."""
    tasks: frozenset[str] | None = None
    """Task types that it has words for; None: every one."""
    describe: Describe | None = None
    """None: its routes are documented elsewhere."""
    unserved: Callable[[Request, HTTPException], Response] | None = None
    """What a path below ``open_to_browsers`` that no dialect serves, or not by this method, is
    answered with; None: in words that are nobody's."""
    lines: Callable[[Services], Format] | None = None
    """What the lines of its batches mean; None: it opens none."""


def found(package: str = "handlers.dialects") -> dict[str, Dialect]:
    """Every dialect by name. Raises SettingsError when one breaks the rules of the scan."""
    return scan(package, "DIALECT", Dialect)


def carrying(dialects: Mapping[str, Dialect], task: str) -> list[str]:
    """Names of the dialects in which an endpoint of this task type can be called."""
    able = (one for one in dialects.values() if one.tasks is None or task in one.tasks)
    return sorted(one.name for one in able)


class Unexpected(PilotlightError):
    """A defect of ours: the caller learns that it happened, the log learns what."""


def speaks(render: Callable[[PilotlightError], Response]) -> Callable[[Endpoint], Endpoint]:
    """Make an endpoint answer errors in the dialect's own shape."""

    def decorate(endpoint: Endpoint) -> Endpoint:
        @functools.wraps(endpoint)
        async def answer(request: Request) -> Response:
            try:
                return await endpoint(request)
            except PilotlightError as error:
                return render(error)
            except Exception:  # noqa: BLE001 - the outermost edge: a caller gets an answer
                failure("http.failed", method=request.method, route=endpoint.__name__)
                return render(Unexpected("something went wrong here; it has been logged"))

        return answer

    return decorate
