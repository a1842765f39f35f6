"""Replicas: what runs, how to have more, how to have fewer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping, Sequence

Stage = Literal["starting", "loading", "ready", "draining", "failed", "gone"]
LIVE: tuple[Stage, ...] = ("starting", "loading", "ready")
"""Stages that count as capacity: a replica on its way is capacity too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """One running process of a worker, as its row says."""

    id: str
    worker: str
    stage: Stage
    slots: int = 1
    pid: int | None = None
    asked_at: float = 0.0
    """Capacity was asked for."""
    loading_at: float | None = None
    ready_at: float | None = None
    active_at: float = 0.0
    """A job was leased or settled here."""
    seen_at: float | None = None
    """Its parent said that it is alive; None before its first word."""
    ended_at: float | None = None
    error: str | None = None
    """Why it failed to load, in words."""
    step: str | None = None
    """What its load is at: one of :data:`pilotlight.contracts.stages.STAGES`. Of a pooled host that
    loads nothing: whose models it holds, the one in place first, joined by commas."""
    step_at: float | None = None
    """Since when."""
    fraction: float | None = None
    """How far that is, 0 to 1, where it is known."""
    took: Mapping[str, float] = field(default_factory=dict)
    """Seconds by stage, once it was ready."""


@dataclass(frozen=True, slots=True)
class LoadStep:
    """What a load has come to, or, with ``took``, how long each of its stages was."""

    name: str
    fraction: float | None = None
    took: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ColdStart:
    """One cold start, in seconds: until the process loads, and the load itself."""

    start_s: float
    load_s: float
    took: Mapping[str, float] = field(default_factory=dict)
    """The load taken apart, seconds by stage; empty where its replica did not say."""

    @property
    def total_s(self) -> float:
        return self.start_s + self.load_s


class Fleet(Protocol):
    """The scaler's side."""

    def replicas(self) -> list[Replica]:
        """Those that live or ended in the last minutes, oldest first."""
        ...

    def start(self, worker: str, count: int) -> None:
        """Ask for more; they show up as ``starting`` at once."""
        ...

    def retire(self, replica_id: str) -> bool:
        """Let it go if it holds no job, atomically with its leases; whether it does."""
        ...

    def drain(self, replica_id: str) -> bool:
        """Let it go once it has finished what it holds, however long that takes; it leases nothing
        more. False when it is over, or drains already.
        """
        ...

    def cold_starts(self, worker: str, *, limit: int = 20) -> list[ColdStart]:
        """The newest successful ones."""
        ...


class Ended(Protocol):
    """A replica that is over. Whatever it held has to be freed."""

    @property
    def replica_id(self) -> str: ...


class Supervisor(Fleet, Protocol):
    """A fleet whose replicas are processes of ours, to be watched and ended."""

    hurry: threading.Event
    """Set it to make ``stop_all`` end them at once."""
    on_end: Callable[[], None]
    """Called, from any thread, when one may be over: a reason to ``poll_exits``. A hint."""

    @property
    def is_empty(self) -> bool:
        """No process is left, of ours or of a supervisor before us."""
        ...

    def recover(self) -> list[str]:
        """Called once, before anything is started: replicas that ended while nobody looked."""
        ...

    def poll_exits(self) -> Sequence[Ended]:
        """Those that are over since the last call."""
        ...

    def stop_all(self, grace_s: float) -> Sequence[Ended]:
        """End them; afterwards none is left, and none is started any more."""
        ...

    def forget(self, *, ended_before: float) -> int:
        """Delete old rows but the newest cold starts of each worker; how many."""
        ...


class Roster(Protocol):
    """The replica's own side."""

    def report(self, replica_id: str, stage: Stage, *, now: float, error: str = "") -> None:
        """Write the stage, with the time it was first reached.

        A replica that was told to drain stays ``draining`` until it is ``gone`` or ``failed``.
        """
        ...

    def stepped(self, replica_id: str, step: LoadStep, *, now: float) -> None:
        """Write what its load has come to; a word that is lost costs nothing but the word."""
        ...

    def seen(self, replica_id: str, *, now: float) -> bool:
        """The parent is alive. Reported at least once per beat, idle or busy.

        False once it was told to drain: the word itself may have been lost.
        """
        ...

    def may_lease(self, replica_id: str, *, now: float, leases: int = 1) -> bool:
        """False once retired. Inside ``store.together()`` it is atomic with the lease.

        Also records that the replica is active. ``leases`` are about to be made; with none a
        register that is far away may be told later, and may not know of a retirement yet.
        """
        ...


class Lighter(Protocol):
    """The submit's own hand on the burner."""

    def light(self, worker: str) -> None:
        """Capacity of this worker may be short: decide now, not at the next tick.

        Never blocks, but where the store is remote: there it may take a request.
        """
        ...
