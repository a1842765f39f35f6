"""What a replica's parent and child say to each other: small JSON objects over a socket pair.

Nothing else crosses, and never pickle. Outputs move as files; an event carries their paths.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Run:
    """Parent: do this job."""

    job_id: str
    fence: int
    endpoint: str
    attempt: int
    input: str
    folder: str
    files: dict[str, str] = field(default_factory=dict)
    """``blob:KEY`` to a local path, for every media field."""
    streaming: bool = False
    low_memory: bool = False
    called: str = ""
    """The id that the caller used; ``endpoint`` is the worker's own."""
    note: str = ""
    """What an earlier attempt kept."""
    timeout_s: float | None = None
    """How long it may run."""
    checkpoint: str = ""
    """Local path of what an earlier attempt saved."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """Parent: stop this job between two steps."""

    job_id: str
    over: bool = False
    """The job itself has ended; else another attempt may go on with it."""


@dataclass(frozen=True, slots=True)
class Noted:
    """Parent: the note of this job is durable."""

    job_id: str


@dataclass(frozen=True, slots=True)
class Saved:
    """Parent: the checkpoint of this job is stored, or could not be."""

    job_id: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Switch:
    """Parent of a pooled host: let go of these models, and put this worker's in place."""

    worker: str = ""
    """Empty: only let go."""
    park: str = ""
    """Whose model gives up the GPU and stays in memory."""
    drop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Notice:
    """Parent: the replica has to go soon; what can stop here and go on elsewhere should."""


@dataclass(frozen=True, slots=True)
class Leave:
    """Parent: close the model and exit."""


@dataclass(frozen=True, slots=True)
class Loading:
    """Child: it runs and starts to load; later, which stage it has come to."""

    stage: str = "imports"
    fraction: float | None = None
    """How far the stage is, where that is known."""


@dataclass(frozen=True, slots=True)
class Ready:
    """Child: the model is loaded."""

    load_s: float
    stages: dict[str, float] = field(default_factory=dict)
    """Seconds by stage of the load."""


@dataclass(frozen=True, slots=True)
class Switched:
    """Child of a pooled host: this worker's model is in place."""

    worker: str
    took_s: float
    size_gib: float = 0.0
    """Memory that it took; 0 where nobody can tell."""
    dropped: tuple[str, ...] = ()
    """Models that should have been parked and cannot be."""
    stages: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SwitchFailed:
    """Child of a pooled host: this worker's ``load`` raised; what was to go has gone."""

    worker: str
    message: str


@dataclass(frozen=True, slots=True)
class LoadFailed:
    """Child: ``load`` raised; it exits after this."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Ping:
    """Child: its control thread is alive. Sent every few seconds."""


@dataclass(frozen=True, slots=True)
class Progress:
    job_id: str
    fraction: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Log:
    """``job_id`` is empty for a line that belongs to the replica."""

    job_id: str
    stream: str
    """``stdout``, ``stderr`` or ``log``."""
    line: str


@dataclass(frozen=True, slots=True)
class Partial:
    job_id: str
    output: str
    """JSON text; small files inline as data URIs."""


@dataclass(frozen=True, slots=True)
class Note:
    """Child: keep this for later attempts, and say when it is durable."""

    job_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Child: keep this file for later attempts of the job."""

    job_id: str
    path: str


@dataclass(frozen=True, slots=True)
class Done:
    job_id: str
    output: str
    """JSON text; files as ``file://`` URLs below the attempt's folder."""
    run_s: float = 0.0


@dataclass(frozen=True, slots=True)
class HandedBack:
    """Child: it stopped after a notice; another replica goes on from its checkpoint."""

    job_id: str


@dataclass(frozen=True, slots=True)
class Failed:
    job_id: str
    error: dict[str, Any]
    """A JobError as a dictionary."""
    retryable: bool = False
    fatal: bool = False
    """The child cannot go on (a sticky CUDA error): replace it."""
    retry_after_s: float = 0.0
    """Another attempt is of no use before."""


Event = (
    Run
    | Cancel
    | Notice
    | Leave
    | Switch
    | Switched
    | SwitchFailed
    | Noted
    | Saved
    | Loading
    | Ready
    | LoadFailed
    | Ping
    | Progress
    | Log
    | Partial
    | Note
    | Checkpoint
    | Done
    | HandedBack
    | Failed
)
_KINDS: Final[dict[str, type[Event]]] = {
    kind.__name__: kind
    for kind in (
        Run,
        Cancel,
        Notice,
        Leave,
        Switch,
        Switched,
        SwitchFailed,
        Noted,
        Saved,
        Loading,
        Ready,
        LoadFailed,
        Ping,
        Progress,
        Log,
        Partial,
        Note,
        Checkpoint,
        Done,
        HandedBack,
        Failed,
    )
}


_NAMES: Final = {kind: tuple(one.name for one in fields(kind)) for kind in _KINDS.values()}
_JSON: Final = json.JSONEncoder(separators=(",", ":"), default=str)


def encode(event: Event) -> bytes:
    """Its fields as they are, since none holds another dataclass: ``asdict`` would copy each."""
    kind = type(event)
    said = {name: getattr(event, name) for name in _NAMES[kind]}
    return _JSON.encode([kind.__name__, said]).encode()


def decode(message: bytes) -> Event:
    """Raises KeyError or TypeError on a word the other side should not have said."""
    kind, fields = json.loads(message)
    return _KINDS[kind](**fields)
