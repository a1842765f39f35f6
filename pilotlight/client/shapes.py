"""What the server says, typed. Times are aware and in UTC, lengths are seconds, sizes bytes.

Fields that this release does not know are left out, so that an older client reads a newer server.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

T = TypeVar("T")

TERMINAL: Final = frozenset({"succeeded", "failed", "cancelled", "expired"})


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with one field."""

    field: str
    message: str
    type: str


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a request was refused or a job did not succeed."""

    code: str
    message: str
    field: str | None = None
    problems: tuple[Problem, ...] = ()

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> Reason:
        problems = tuple(
            Problem(
                str(one.get("field", "")), str(one.get("message", "")), str(one.get("type", ""))
            )
            for one in said.get("problems", ())
        )
        message = str(said.get("message", "no reason was given"))
        return cls(str(said.get("code", "unknown")), message, said.get("field"), problems)


@dataclass(frozen=True, slots=True)
class ColdStart:
    """A replica is on its way."""

    stage: str
    eta_s: float | None = None
    step: str | None = None
    fraction: float | None = None
    error: str | None = None

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> ColdStart:
        names = ("eta_s", "step", "fraction", "error")
        return cls(said["stage"], **{name: said.get(name) for name in names})


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a job that has not ended stands."""

    stage: str
    """Its status, or ``cold_start``."""
    fraction: float = 0.0
    position: int | None = None
    """Jobs before it; None when it does not wait."""
    eta_s: float | None = None
    """Until its end, where anybody can say."""
    cold_start: ColdStart | None = None

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> Progress:
        cold = said.get("cold_start")
        return cls(
            stage=said["stage"],
            fraction=said.get("fraction", 0.0),
            position=said.get("position"),
            eta_s=said.get("eta_s"),
            cold_start=ColdStart.read(cold) if cold else None,
        )


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file that a job made; ``url`` needs no key."""

    url: str
    file_name: str
    content_type: str
    size: int
    sha256: str
    width: int | None = None
    height: int | None = None

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> Artifact:
        names = ("url", "file_name", "content_type", "size", "sha256")
        told = {name: said[name] for name in names}
        return cls(**told, width=said.get("width"), height=said.get("height"))


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try that is over."""

    outcome: str
    replica: str | None
    started_at: datetime | None
    ended_at: datetime | None
    error: Reason | None

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> Attempt:
        error = said.get("error")
        return cls(
            outcome=said["outcome"],
            replica=said.get("replica"),
            started_at=moment(said.get("started_at")),
            ended_at=moment(said.get("ended_at")),
            error=Reason.read(error) if error else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class JobInfo:
    """A job as it was when the server was asked. Lists leave out what is below ``url``."""

    id: str
    endpoint: str
    worker: str
    origin: str
    status: str
    priority: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    attempt: int
    error: Reason | None
    retry_of: str | None
    tags: tuple[tuple[str, str], ...]
    url: str
    progress: Progress | None = None
    output: Any = None
    artifacts: tuple[Artifact, ...] = ()
    attempts: tuple[Attempt, ...] = ()

    @property
    def is_terminal(self) -> bool:
        return self.status in TERMINAL

    @property
    def succeeded(self) -> bool:
        return self.status == "succeeded"

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> JobInfo:
        created_at, error, progress = (
            moment(said["created_at"]),
            said["error"],
            said.get("progress"),
        )
        assert created_at is not None
        names = (
            "id", "endpoint", "worker", "origin", "status", "priority", "attempt", "retry_of", "url",
        )  # fmt: skip
        return cls(
            **{name: said[name] for name in names},
            created_at=created_at,
            started_at=moment(said["started_at"]),
            ended_at=moment(said["ended_at"]),
            error=Reason.read(error) if error else None,
            tags=tuple((one["key"], one["value"]) for one in said["tags"]),
            progress=Progress.read(progress) if progress else None,
            output=said.get("output"),
            artifacts=tuple(Artifact.read(one) for one in said.get("artifacts", ())),
            attempts=tuple(Attempt.read(one) for one in said.get("attempts", ())),
        )


@dataclass(frozen=True, slots=True)
class Event:
    """Something in a job's life.

    ``kind`` is ``status`` (``job`` is how it stands then), ``log`` (``data`` has ``message`` and
    ``level``), ``progress`` (``fraction`` and ``note``) or ``partial`` (an output on its way).
    """

    id: str
    """How far this has come: ``events(after=...)`` goes on behind it."""
    kind: str
    data: Any
    job: JobInfo | None = None

    @classmethod
    def read(cls, kind: str, event_id: str, data: Any) -> Event:
        return cls(event_id, kind, data, JobInfo.read(data) if kind == "status" else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """What can be called, or could be with a route."""

    id: str
    task: str
    state: str
    """``local``, ``relayed`` or ``unrouted``."""
    worker: str | None
    dialects: tuple[str, ...]
    streams: bool
    route: Mapping[str, Any] | None
    advice: str | None
    example: Mapping[str, Any] | None
    """``input`` and what to paste: ``curl``, ``command``."""
    input: Mapping[str, Any] = field(default_factory=dict)
    """JSON Schema; empty in lists, as are the next ones."""
    output: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> Endpoint:
        names = ("id", "task", "state", "worker", "streams", "route", "advice", "example")
        return cls(
            **{name: said[name] for name in names},
            dialects=tuple(said["dialects"]),
            input=said.get("input", {}),
            output=said.get("output", {}),
            description=said.get("description", ""),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FileInfo:
    """A file of one's own; ``url`` needs no key, and is what an input takes."""

    id: str
    name: str
    content_type: str
    size: int
    sha256: str
    url: str
    created_at: datetime | None
    expires_at: datetime | None
    url_expires_at: datetime | None

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> FileInfo:
        names = ("id", "name", "content_type", "size", "sha256", "url")
        return cls(
            **{name: said[name] for name in names},
            created_at=moment(said.get("created_at")),
            expires_at=moment(said.get("expires_at")),
            url_expires_at=moment(said.get("url_expires_at")),
        )


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """``next_cursor`` leads to the next one; None on the last. A page may be empty before that."""

    items: Sequence[T]
    next_cursor: str | None


def moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
