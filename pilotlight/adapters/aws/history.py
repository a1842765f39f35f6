"""A job's attempts, kept in its own item.

Every lease appends an opening and every end of an attempt a closing, in the very update that
moves the row: no second item to pay for, no transaction, nothing to lose between two writes, and
nobody has to read the row first to know whose attempt ended. A pair takes about 150 bytes, so
that more than a thousand fit beside the longest texts; then the history begins anew.

An event is JSON text: ``["owner", started_at, token]`` opens; ``[outcome, ended_at, fence, rise,
error, token]`` closes. An error of a terminal move is not repeated here: the row keeps it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from pilotlight.contracts.job import HELD, TERMINAL, AttemptRecord
from pilotlight.contracts.lifecycle import MINE, TABLE, Add, Arg

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pilotlight.adapters.aws.rows import Value
    from pilotlight.adapters.aws.texts import LongTexts
    from pilotlight.contracts.lifecycle import Move, Transition

COLUMN: Final = "history"
_LONGEST_ERROR: Final = 8 * 1024
"""A retried job has a handful of these in its item; a longer one lies elsewhere."""
_OPENING: Final = 3
"""Length of an opening."""
_FINAL: Final = frozenset(t.name for t in TABLE if t.ends_attempt and t.to in TERMINAL)


def event(move: Move, job_id: str, texts: LongTexts, *, token: str) -> Value | None:
    """What the move adds to the history, if anything."""
    transition = move.transition
    if transition.ends_attempt:
        return _text([*_closing(move, job_id, texts), token])
    if _takes(transition):
        return _text([*_opening(move), token])
    return None


def _text(event: list[Any]) -> Value:
    return {"S": json.dumps(event, separators=(",", ":"))}


def _takes(transition: Transition) -> bool:
    return transition.to in HELD and not transition.leaves & HELD


def _opening(move: Move) -> list[Any]:
    owner, started = (move.transition.effects[name] for name in ("owner", "started_at"))
    assert isinstance(owner, Arg)
    assert isinstance(started, Arg)
    return [move.args[owner.name], move.args[started.name]]


def _closing(move: Move, job_id: str, texts: LongTexts) -> list[Any]:
    transition, args = move.transition, move.args
    named = MINE in transition.guards
    rise = transition.effects.get("fence")
    error = args.get("error")
    kept = error is not None and not (transition.to and transition.to.is_terminal)
    return [
        transition.name,
        args.get("now", args.get("due_at")),
        args["fence"] if named else None,
        # Without a name it is the row's fence, less this: no move follows that could raise it.
        rise.amount if isinstance(rise, Add) else 0,
        texts.write(job_id, str(error), longest=_LONGEST_ERROR) if kept else None,
    ]


def _events(item: Mapping[str, Value]) -> Iterator[list[Any]]:
    for event in item.get(COLUMN, {"L": []})["L"]:
        yield json.loads(event["S"])


def wrote(item: Mapping[str, Value], token: str) -> bool:
    """Whether the write of this name changed the row, though others may have followed."""
    return item.get("token", {}).get("S") == token or any(
        event[-1] == token for event in _events(item)
    )


def attempts(item: Mapping[str, Value], job_id: str, texts: LongTexts) -> Iterator[AttemptRecord]:
    """The pairs, oldest first. A closing without an opening is a cancel of a job that waited."""
    opening: list[Any] | None = None
    for event in _events(item):
        if len(event) == _OPENING:
            opening = event
        elif opening is not None:
            yield _record(item, job_id, texts, opening, event)
            opening = None


def _record(
    item: Mapping[str, Value], job_id: str, texts: LongTexts, opening: list[Any], closing: list[Any]
) -> AttemptRecord:
    owner, started_at, _ = opening
    outcome, ended_at, fence, rise, error, _ = closing
    if outcome in _FINAL:
        error = item.get("error")
    return AttemptRecord(
        job_id=job_id,
        fence=int(item["fence"]["N"]) - rise if fence is None else fence,
        owner=owner,
        started_at=started_at,
        ended_at=ended_at,
        outcome=outcome,
        error=texts.read(error) if error else None,
    )
