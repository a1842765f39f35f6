"""What an event source must provide, and how an event becomes jobs.

A source is a module below ``handlers/sources`` that defines ``SOURCE``: a pure parser from an
event, as its origin hands it over, to the jobs it asks for. Its webhooks are in our own words.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from handlers.plugins import scan
from pilotlight.bootstrap.ingress import Services
from pilotlight.contracts.job import NORMAL_PRIORITY, Job, JobError
from pilotlight.errors import InvalidInput, PilotlightError, Problem
from pilotlight.intake.submission import Submission

Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One job that an event asks for."""

    endpoint: str
    input: dict[str, Any] = field(default_factory=dict)
    key: str
    """The event's own identity: the same event, delivered twice, makes one job."""
    webhook: str | None = None
    priority: int = NORMAL_PRIORITY


@dataclass(frozen=True, slots=True)
class Refused:
    """A wish that cannot become a job; the event's other wishes are not touched by it."""

    wish: Wish
    error: PilotlightError


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    name: str
    """``job.origin`` of what comes in through it."""
    matches: Callable[[Event], bool]
    """Whether this event is its own. Must not raise."""
    jobs_in: Callable[[Event], Iterable[Wish | Refused]]
    """Of an event with several wishes one that cannot be read is refused by itself, or it would come
    again and again with all the others. Raises InvalidInput that names the field, for an event that
    is its own but wrong as a whole."""
    keys_in: Callable[[Event], Iterable[str]] | None = None
    """Objects of the drop folder that the event says are there."""

    def announce(self, job: Job, *, output: bytes | None, error: JobError | None) -> dict[str, Any]:
        """The webhook's body for a finished job."""
        return {
            "id": job.id,
            "endpoint": job.endpoint,
            "status": str(job.status),
            "key": job.idempotency_key,
            "output": json.loads(output) if output is not None else None,
            "error": {"code": error.code, "message": error.message} if error else None,
        }


def found(package: str = "handlers.sources") -> dict[str, Source]:
    """Every source by name. Raises SettingsError when one breaks the rules of the scan."""
    return scan(package, "SOURCE", Source)


async def take(
    services: Services, sources: Mapping[str, Source], event: Event, *, caller: str
) -> list[Job | Refused]:
    """Submit what the event asks for, in its order. Raises InvalidInput when it is nobody's."""
    for source in sources.values():
        if source.matches(event):
            if source.keys_in is not None and services.drops is not None:
                services.drops.hint(source.keys_in(event))
            return [
                one if isinstance(one, Refused) else await _submitted(services, source, one, caller)
                for one in list(source.jobs_in(event))
            ]
    problem = Problem(
        ("body",), f"no source knows this event; known: {', '.join(sources)}", "event"
    )
    raise InvalidInput(problem.message, problem)


async def _submitted(services: Services, source: Source, wish: Wish, caller: str) -> Job | Refused:
    submission = Submission(
        caller=caller,
        endpoint=wish.endpoint,
        body=json.dumps(wish.input).encode(),
        origin=source.name,
        idempotency_key=wish.key,
        webhook=wish.webhook,
        priority=wish.priority,
    )
    try:
        return await services.submit(submission)
    except PilotlightError as error:
        if error.retryable:
            raise  # the whole event comes again; what it made already is not made twice
        return Refused(wish, error)
