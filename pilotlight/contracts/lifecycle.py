"""Which status may follow which: one table, T1 to T21, and the only code that moves a job.

::

    T1 ─► accepted ─T2─► queued ◄──────── T9 hand-back, T10 reap ─────────┐
              │            │                                              │
              └─────T3─────┴──T3──► running ──T5──► storing ──T6──► succeeded
                                      │ ▲ T4 beat      │
                     retrying ◄───T7──┴─┼──────────────┘──T8, T11, T14──► failed
                         └──────T3──────┘
    T12 any that is not terminal ─► cancelled        T13 any that still waits ─► expired
    T15 waiting ─► accepted: what it waited for is there
    T16 leases, reschedules and settles the webhook of a terminal row
    T17 a row that waits but may not be leased any more ─► failed: its message is a dead letter
    T18, T19 waiting ─► succeeded, failed: a group whose members are over, or an input that
    cannot be made
    T20 a row that is held keeps a note for later attempts
    T21 takes the mark of a row that its group has heard of

A :class:`Transition` is data: the statuses it leaves, guards the row must satisfy, effects on
columns. Adapters compile the same table (SQL, DynamoDB condition expressions) and
:func:`apply` interprets it, so that one test can hold all of them against each other.
T6 may leave ``running`` directly: a job without files has nothing to store.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from pilotlight.contracts.job import HELD, READY, TERMINAL, Job, JobStatus
from pilotlight.errors import IllegalTransition

if TYPE_CHECKING:
    from collections.abc import Mapping

Value = str | float | int | None


@dataclass(frozen=True, slots=True)
class Guard:
    """``column op right`` must hold; ``:name`` is an argument of the move, else a column."""

    column: str
    op: str
    right: str


@dataclass(frozen=True, slots=True)
class Arg:
    """Set the column to this argument of the move; an argument that is None clears it."""

    name: str


@dataclass(frozen=True, slots=True)
class Add:
    """Add a constant to the column."""

    amount: int


@dataclass(frozen=True, slots=True)
class Sum:
    """Set the column to another column plus an argument."""

    column: str
    arg: str


@dataclass(frozen=True, slots=True)
class Clear:
    """Remove the value; in a sparse index the row disappears."""


Effect = Arg | Add | Sum | Clear
CLEAR: Final = Clear()
RISE: Final = Add(1)


@dataclass(frozen=True, slots=True)
class Transition:
    """One row of the table. ``to`` is None when the status stays."""

    name: str
    leaves: frozenset[JobStatus]
    to: JobStatus | None
    guards: tuple[Guard, ...]
    effects: Mapping[str, Effect]
    ends_attempt: bool = False
    """A lease ends here: adapters append an :class:`AttemptRecord` in the same write."""


MINE: Final = Guard("fence", "=", ":fence")
SEEN: Final = Guard("lease_until", "=", ":seen_lease")
_ENDED: Final[dict[str, Effect]] = {
    "ended_at": Arg("now"),
    "forget_at": Sum("keep_s", "now"),
    "webhook_due": Arg("webhook_due"),
    "group_due": Arg("group_due"),
    "due_at": CLEAR,
    "lease_until": CLEAR,
}
_RELEASED: Final[dict[str, Effect]] = {
    "fence": RISE,
    "due_at": Arg("due_at"),
    "lease_until": CLEAR,
    "owner": CLEAR,
    "run_by": CLEAR,
}
_LEASED: Final[dict[str, Effect]] = {"lease_until": Arg("lease_until"), "due_at": Arg("due_at")}
_UNDONE: Final[dict[str, Effect]] = {"attempts": Add(-1)}
_LOST: Final[dict[str, Effect]] = {
    "losses": Arg("losses"),
    "losses_since": Arg("losses_since"),
    "error": Arg("error"),
}
_S = JobStatus

T2: Final = Transition("T2", READY, _S.QUEUED, (MINE,), {"due_at": Arg("due_at")})
T3: Final = Transition(
    "T3",
    READY,
    _S.RUNNING,
    (
        Guard("not_before", "<=", ":now"),
        Guard("start_by", ">", ":now"),
        Guard("attempts", "<", "max_attempts"),
    ),
    {
        **_LEASED,
        "fence": RISE,
        "attempts": RISE,
        "owner": Arg("owner"),
        "started_at": Arg("now"),
        "run_by": Sum("run_timeout_s", "now"),
    },
)
T4: Final = Transition("T4", HELD, None, (MINE,), {**_LEASED, "progress": Arg("progress")})
T5: Final = Transition("T5", frozenset({_S.RUNNING}), _S.STORING, (MINE,), _LEASED)
T6: Final = Transition(
    "T6",
    HELD,
    _S.SUCCEEDED,
    (MINE,),
    {**_ENDED, "output": Arg("output"), "artifacts": Arg("artifacts"), "error": CLEAR},
    ends_attempt=True,
)
T7: Final = Transition(
    "T7",
    HELD,
    _S.RETRYING,
    (MINE, Guard("attempts", "<", "max_attempts")),
    {**_RELEASED, "not_before": Arg("not_before"), "error": Arg("error")},
    ends_attempt=True,
)
T8: Final = Transition(
    "T8", HELD, _S.FAILED, (MINE,), {**_ENDED, "error": Arg("error")}, ends_attempt=True
)
T9: Final = Transition("T9", HELD, _S.QUEUED, (MINE,), {**_RELEASED, **_UNDONE}, ends_attempt=True)
T10: Final = Transition(
    "T10", HELD, _S.QUEUED, (MINE, SEEN), {**_RELEASED, **_UNDONE, **_LOST}, ends_attempt=True
)
T11: Final = Transition(
    "T11",
    HELD,
    _S.FAILED,
    (MINE, SEEN),
    {**_ENDED, **_UNDONE, **_LOST, "fence": RISE},
    ends_attempt=True,
)
T12: Final = Transition(
    "T12",
    frozenset(_S) - TERMINAL,
    _S.CANCELLED,
    (),
    {**_ENDED, "fence": RISE, "error": Arg("error")},
    ends_attempt=True,
)
T13: Final = Transition(
    "T13",
    READY | {_S.WAITING},
    _S.EXPIRED,
    (Guard("start_by", "<=", ":now"),),
    {**_ENDED, "error": Arg("error")},
)
T14: Final = Transition(
    "T14",
    HELD,
    _S.FAILED,
    (MINE, Guard("run_by", "<=", ":now")),
    {**_ENDED, "fence": RISE, "error": Arg("error")},
    ends_attempt=True,
)
T17: Final = Transition(
    "T17",
    READY,
    _S.FAILED,
    (MINE,),
    {**_ENDED, "fence": RISE, "error": Arg("error")},
)
_WAITS: Final = frozenset({_S.WAITING})
T15: Final = Transition(
    "T15",
    _WAITS,
    _S.ACCEPTED,
    (Guard("start_by", ">", ":now"),),
    {
        "input": Arg("input"),
        "not_before": Arg("now"),
        "start_by": Arg("start_by"),
        "due_at": Arg("due_at"),
    },
)
T21: Final = Transition(
    "T21",
    TERMINAL | _WAITS,
    None,
    (Guard("group_due", "=", ":seen_due"),),
    {"group_due": Arg("group_due")},
)
T18: Final = Transition(
    "T18",
    _WAITS,
    _S.SUCCEEDED,
    (MINE,),
    {**_ENDED, "output": Arg("output"), "artifacts": Arg("artifacts"), "error": CLEAR},
)
T19: Final = Transition("T19", _WAITS, _S.FAILED, (MINE,), {**_ENDED, "error": Arg("error")})
T20: Final = Transition("T20", HELD, None, (MINE,), {"note": Arg("note")})
_TURN: Final = Guard("webhook_fence", "=", ":webhook_fence")
T16_LEASE: Final = Transition(
    "T16",
    TERMINAL,
    None,
    (_TURN, Guard("webhook_due", "<=", ":now")),
    {"webhook_fence": RISE, "webhook_tries": RISE, "webhook_due": Arg("webhook_due")},
)
T16_SETTLE: Final = Transition(
    "T16",
    TERMINAL,
    None,
    (_TURN,),
    {"webhook_due": Arg("webhook_due"), "webhook_state": Arg("webhook_state")},
)
T16_REPLAY: Final = Transition(
    "T16",
    TERMINAL,
    None,
    (),
    {
        "webhook_due": Arg("now"),
        "webhook_state": CLEAR,
        "webhook_tries": Arg("webhook_tries"),
        "webhook_fence": RISE,
    },
)

TABLE: Final = (T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13, T14, T15, T17, T18, T19)
"""Every move of ``status``; T1 is the birth of the row."""

_COMPARE: Final = {"=": operator.eq, "<=": operator.le, "<": operator.lt, ">": operator.gt}


@dataclass(frozen=True, slots=True)
class Move:
    """A transition with its arguments: what a store is asked to do to one row."""

    transition: Transition
    args: Mapping[str, Value]


def _holds(guard: Guard, job: Job, args: Mapping[str, Value]) -> bool:
    left = getattr(job, guard.column)
    right = args[guard.right[1:]] if guard.right.startswith(":") else getattr(job, guard.right)
    return left is not None and right is not None and bool(_COMPARE[guard.op](left, right))


def allowed(move: Move, job: Job) -> bool:
    """Whether the row satisfies the move: right status, every guard."""
    return job.status in move.transition.leaves and all(
        _holds(guard, job, move.args) for guard in move.transition.guards
    )


def _value(effect: Effect, column: str, job: Job, args: Mapping[str, Value]) -> object:
    match effect:
        case Arg(name):
            return args[name]
        case Add(amount):
            return getattr(job, column) + amount
        case Sum(other, arg):
            return getattr(job, other) + args[arg]
        case Clear():
            return None


def born_queued(*, due_at: float) -> dict[str, Any]:
    """The columns that T1 and T2 write, for a store in which the row itself is the message."""
    return {**dict.fromkeys(T2.effects, due_at), "status": T2.to}


def apply(move: Move, job: Job) -> Job:
    """Return the row after the move; the argument is never changed.

    Raises IllegalTransition when the status or a guard forbids it.
    """
    if not allowed(move, job):
        raise IllegalTransition(f"{move.transition.name} from {job.status}", job_id=job.id)
    changes = {
        column: _value(effect, column, job, move.args)
        for column, effect in move.transition.effects.items()
    }
    if move.transition.to is not None:
        changes["status"] = move.transition.to
    return replace(job, **changes)  # type: ignore[arg-type]
