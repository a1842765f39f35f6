"""What each write has to do to a row, column by column: reliability section 2.3, last column.

A second hand's copy of the table: an effect that the lifecycle forgets, or has too many, is seen.
"""

from __future__ import annotations

from dataclasses import fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from pilotlight.contracts.job import Job
from tests.sim.world import Violation

if TYPE_CHECKING:
    from collections.abc import Callable

    from pilotlight.contracts.lifecycle import Move

    Wanted = dict[str, Any]

_COLUMNS: Final = tuple(field.name for field in fields(Job))
_ALL: Final = attrgetter(*_COLUMNS)
_RULES: Final = {
    "status": "I2",
    "output": "I3",
    "artifacts": "I3",
    "webhook_due": "I4",
    "lease_until": "I5",
    "owner": "I5",
    "attempts": "I8",
    "losses": "I8",
    "losses_since": "I8",
    "fence": "I9",
    "group_due": "I11",
}
"""Of a wrong column; any other counts against liveness."""


def _leased(_: Job, args: Any) -> Wanted:
    return {"lease_until": args["lease_until"], "due_at": args["due_at"]}


def _started(old: Job, args: Any) -> Wanted:
    return {
        **_leased(old, args),
        "status": "running",
        "fence": old.fence + 1,
        "attempts": old.attempts + 1,
        "owner": args["owner"],
        "started_at": args["now"],
        "run_by": args["now"] + old.run_timeout_s,
    }


def _let_go(old: Job, args: Any) -> Wanted:
    """Nobody's, until the next lease."""
    return {
        "fence": old.fence + 1,
        "owner": None,
        "run_by": None,
        "lease_until": None,
        "due_at": args["due_at"],
    }


def _undone(old: Job, args: Any) -> Wanted:
    return {**_let_go(old, args), "status": "queued", "attempts": old.attempts - 1}


def _lost(_: Job, args: Any) -> Wanted:
    return {name: args[name] for name in ("losses", "losses_since", "error")}


def _ended(old: Job, args: Any, status: str) -> Wanted:
    """And the intent to announce it, in the same write."""
    now = args["now"]
    return {
        "status": status,
        "ended_at": now,
        "forget_at": old.keep_s + now,
        "due_at": None,
        "lease_until": None,
        "webhook_due": now if old.webhook else None,
        "group_due": now if old.group_id else None,
    }


def _succeeded(old: Job, args: Any) -> Wanted:
    result = {"output": args["output"], "artifacts": args["artifacts"], "error": None}
    return {**_ended(old, args, "succeeded"), **result}


def _failed(old: Job, args: Any) -> Wanted:
    return {**_ended(old, args, "failed"), "error": args["error"]}


def _fenced_off(old: Job, args: Any, status: str) -> Wanted:
    return {**_ended(old, args, status), "error": args["error"], "fence": old.fence + 1}


def _poisoned(old: Job, args: Any) -> Wanted:
    spent = {"attempts": old.attempts - 1, **_lost(old, args)}
    return {**_fenced_off(old, args, "failed"), **spent}


def _retried(old: Job, args: Any) -> Wanted:
    why = {"status": "retrying", "not_before": args["not_before"], "error": args["error"]}
    return {**_let_go(old, args), **why}


def _released(_: Job, args: Any) -> Wanted:
    named = {name: args[name] for name in ("input", "start_by", "due_at")}
    return {"status": "accepted", "not_before": args["now"], **named}


_TABLE: Final[dict[str, Callable[[Job, Any], Wanted]]] = {
    "T2": lambda _, args: {"status": "queued", "due_at": args["due_at"]},
    "T3": _started,
    "T4": lambda old, args: {**_leased(old, args), "progress": args["progress"]},
    "T5": lambda old, args: {**_leased(old, args), "status": "storing"},
    "T6": _succeeded,
    "T7": _retried,
    "T8": _failed,
    "T9": _undone,
    "T10": lambda old, args: {**_undone(old, args), **_lost(old, args)},
    "T11": _poisoned,
    "T12": lambda old, args: _fenced_off(old, args, "cancelled"),
    "T13": lambda old, args: {**_ended(old, args, "expired"), "error": args["error"]},
    "T14": lambda old, args: _fenced_off(old, args, "failed"),
    "T15": _released,
    "T17": lambda old, args: _fenced_off(old, args, "failed"),
    "T18": _succeeded,
    "T19": _failed,
    "T20": lambda _, args: {"note": args["note"]},
    "T21": lambda _, args: {"group_due": args["group_due"]},
}


def _announced(old: Job, args: Any) -> Wanted:
    """T16, in its three forms."""
    if "webhook_tries" in args:  # a replay
        turn = {"webhook_tries": args["webhook_tries"], "webhook_fence": old.webhook_fence + 1}
        return {**turn, "webhook_due": args["now"], "webhook_state": None}
    due = {"webhook_due": args["webhook_due"]}
    if "webhook_state" in args:
        return {**due, "webhook_state": args["webhook_state"]}
    tries, fence = old.webhook_tries + 1, old.webhook_fence + 1
    return {**due, "webhook_tries": tries, "webhook_fence": fence}


def check_effects(old: Job, new: Job, move: Move) -> None:
    """Raises Violation where a column is not as the write says, or changed though it says nothing.

    Where a lease ends later than the row is due again, nobody would look in time.
    """
    wanted = _TABLE.get(move.transition.name, _announced)(old, move.args)
    for name, before, after in zip(_COLUMNS, _ALL(old), _ALL(new), strict=True):
        right = wanted.get(name, before)
        if after is not right and after != right:
            _accuse(old, move, name, f"{name} becomes {after!r} and not {right!r}")
    if new.lease_until is not None and (new.due_at is None or new.due_at < new.lease_until):
        _accuse(old, move, "due_at", f"due at {new.due_at}, leased until {new.lease_until}")


def _accuse(old: Job, move: Move, column: str, what: str) -> None:
    rule, name = _RULES.get(column, "I1"), move.transition.name
    raise Violation(rule, f"{what}: {name} on job {old.id} that is {old.status}")
