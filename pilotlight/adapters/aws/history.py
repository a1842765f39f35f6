"""A job's attempts, kept in its own item.

Every lease appends an opening and every end of an attempt a closing, in the very update that
moves the row: no second item to pay for, no transaction, nothing to lose between two writes, and
nobody has to read the row first to know whose attempt ended. A pair takes about 200 bytes; the
number of pairs is bounded but for hand-backs, of which more than a thousand fit.

An error of a terminal move is not repeated here: the row keeps it for good.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pilotlight.adapters.aws.rows import number
from pilotlight.contracts.job import HELD, TERMINAL, AttemptRecord
from pilotlight.contracts.lifecycle import MINE, TABLE, Add, Arg

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pilotlight.adapters.aws.rows import Item, Value
    from pilotlight.adapters.aws.texts import LongTexts
    from pilotlight.contracts.lifecycle import Move, Transition

COLUMN: Final = "history"
_LONGEST_ERROR: Final = 8 * 1024
"""A retried job has a handful of these in its item; a longer one lies elsewhere."""
_FINAL: Final = frozenset(t.name for t in TABLE if t.ends_attempt and t.to in TERMINAL)


def event(move: Move, job_id: str, texts: LongTexts, *, token: str) -> Value | None:
    """What the move adds to the history, if anything."""
    transition = move.transition
    if transition.ends_attempt:
        return {"M": {**_closing(move, job_id, texts), "token": {"S": token}}}
    if _takes(transition):
        return {"M": {**_opening(move), "token": {"S": token}}}
    return None


def _takes(transition: Transition) -> bool:
    return transition.to in HELD and not transition.leaves & HELD


def _opening(move: Move) -> Item:
    owner, started = (move.transition.effects[name] for name in ("owner", "started_at"))
    assert isinstance(owner, Arg)
    assert isinstance(started, Arg)
    return {
        "owner": {"S": str(move.args[owner.name])},
        "started_at": number(_moment(move.args[started.name])),
    }


def _closing(move: Move, job_id: str, texts: LongTexts) -> Item:
    transition, args = move.transition, move.args
    found: Item = {
        "outcome": {"S": transition.name},
        "ended_at": number(_moment(args.get("now", args.get("due_at")))),
    }
    if MINE in transition.guards:
        found["fence"] = number(_moment(args["fence"]))
    else:
        # The row's fence, less this, is the attempt's: no move follows that could raise it.
        rise = transition.effects.get("fence")
        found["rise"] = number(rise.amount if isinstance(rise, Add) else 0)
    error = args.get("error")
    if error is not None and not (transition.to and transition.to.is_terminal):
        found["error"] = texts.write(job_id, str(error), longest=_LONGEST_ERROR)
    return found


def _moment(value: Any) -> float:
    assert isinstance(value, int | float)
    return value


def wrote(item: Mapping[str, Value], token: str) -> bool:
    """Whether the write of this name changed the row, though others may have followed."""
    events = item.get(COLUMN, {"L": []})["L"]
    return item.get("token", {}).get("S") == token or any(
        one["M"]["token"]["S"] == token for one in events
    )


def attempts(item: Mapping[str, Value], job_id: str, texts: LongTexts) -> Iterator[AttemptRecord]:
    """The pairs, oldest first. A closing without an opening is a cancel of a job that waited."""
    opening: Item | None = None
    for one in item.get(COLUMN, {"L": []})["L"]:
        found: Item = one["M"]
        if "owner" in found:
            opening = found
        elif opening is not None:
            yield _record(item, job_id, texts, opening, found)
            opening = None


def _record(
    item: Mapping[str, Value], job_id: str, texts: LongTexts, opening: Item, closing: Item
) -> AttemptRecord:
    if "fence" in closing:
        fence = int(closing["fence"]["N"])
    else:
        fence = int(item["fence"]["N"]) - int(closing["rise"]["N"])
    outcome = closing["outcome"]["S"]
    error = closing.get("error") or (item.get("error") if outcome in _FINAL else None)
    return AttemptRecord(
        job_id=job_id,
        fence=fence,
        owner=opening["owner"]["S"],
        started_at=float(opening["started_at"]["N"]),
        ended_at=float(closing["ended_at"]["N"]),
        outcome=outcome,
        error=texts.read(error) if error else None,
    )
