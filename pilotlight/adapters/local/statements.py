"""The lifecycle's table as SQL: one UPDATE per transition, guards in its WHERE."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from pilotlight.adapters.local import turns
from pilotlight.adapters.local.schema import COLUMNS, listed
from pilotlight.contracts.lifecycle import T3, Add, Arg, Clear, Sum

if TYPE_CHECKING:
    from pilotlight.contracts.lifecycle import Effect, Guard, Transition

SELECT_JOB = ", ".join(COLUMNS)


def _guard(guard: Guard) -> str:
    return f"{guard.column} {guard.op} {guard.right}"


def _effect(column: str, effect: Effect) -> str:
    match effect:
        case Arg(name):
            return f"{column} = :{name}"
        case Add(amount):
            return f"{column} = {column} + {amount}"
        case Sum(other, arg):
            return f"{column} = {other} + :{arg}"
        case Clear():
            return f"{column} = NULL"


def _where(transition: Transition) -> str:
    return " AND ".join(
        (f"status IN ({listed(transition.leaves)})", *map(_guard, transition.guards))
    )


# Transition holds a mapping and so does not hash; tables are few and live for ever.
_compiled: dict[int, str] = {}


def update(transition: Transition) -> str:
    """``UPDATE ... RETURNING`` the new row; no row means refused."""
    found = _compiled.get(id(transition))
    if found is None:
        changes = [_effect(column, effect) for column, effect in transition.effects.items()]
        if transition.to is not None:
            changes.append(f"status = '{transition.to}'")
        found = _compiled[id(transition)] = (
            f"UPDATE job SET {', '.join(changes)} WHERE id = :job_id AND {_where(transition)} "
            f"RETURNING {SELECT_JOB}"
        )
    return found


@cache
def next_ready() -> str:
    """Ids a replica may lease now, best first. Every guard of T3 sits inside the LIMIT.

    Outside of it one expired row at the head would starve its worker for ever.
    """
    return (
        f"SELECT id FROM job WHERE worker = :worker AND {_where(T3)} "
        "ORDER BY priority, turn, seq LIMIT :limit"
    )


@cache
def insert() -> str:
    """Takes the columns' values, then those of a Turn."""
    names = (*COLUMNS, *turns.Turn._fields)
    return f"INSERT INTO job ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
