"""What a dialect or an event source hands to the core when it wants a job."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pilotlight.contracts.job import NORMAL_PRIORITY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pilotlight.contracts.tags import Tag


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A wish for a job, in our words. ``body`` is the endpoint's input as JSON bytes."""

    caller: str
    endpoint: str
    body: bytes
    origin: str
    """Name of the dialect or source; its ``announce`` renders the webhook."""
    options: dict[str, Any] = field(default_factory=dict)
    """JSON the origin wants back when the job is read."""
    tags: Sequence[Tag] = ()
    """The caller's own words for the job, to find it by."""
    base_url: str = ""
    """This ingress as the caller sees it: tells our own ``/files`` URLs from foreign ones."""
    priority: int = NORMAL_PRIORITY
    start_timeout_s: float | None = None
    """Time to start; None takes the default."""
    run_timeout_s: float | None = None
    """Longest run of one attempt, where that is less than the worker's own."""
    webhook: str | None = None
    idempotency_key: str | None = None
    max_queue: int | None = None
    """Refuse with BacklogFull when more jobs than this wait already."""
    may_retry: bool = True
    """False: one attempt, and a lost lease is the end. Wins over ``retries``."""
    retries: Mapping[str, int] = field(default_factory=dict)
    """Extra attempts by condition, the words of :mod:`pilotlight.contracts.retries`."""
    streaming: bool = False
    artifact_ttl_s: float | None = None
    """How long output files are kept; None as long as the job is remembered."""
    keep_s: float | None = None
    """How long the job is remembered after its end; None takes the default."""
