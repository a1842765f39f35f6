"""The invariants of reliability section 2.7, checked on every committed change of a row.

Written from the specification's table, not from the lifecycle module's: an edge, a guard or an
effect that is missing there is seen here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pilotlight.contracts.job import JobStatus
from tests.sim.effects import check_effects
from tests.sim.world import Violation

if TYPE_CHECKING:
    from pilotlight.contracts.job import Job
    from pilotlight.contracts.lifecycle import Move

_S = JobStatus
_WAITS: Final = {_S.ACCEPTED, _S.QUEUED, _S.RETRYING}
_HELD: Final = {_S.RUNNING, _S.STORING}
_OVER: Final = {_S.SUCCEEDED, _S.FAILED, _S.CANCELLED, _S.EXPIRED}
_EDGES: Final[dict[str, tuple[set[JobStatus], set[JobStatus] | None]]] = {
    "T2": (_WAITS, {_S.QUEUED}),
    "T3": (_WAITS, {_S.RUNNING}),
    "T4": (_HELD, None),
    "T5": ({_S.RUNNING}, {_S.STORING}),
    "T6": (_HELD, {_S.SUCCEEDED}),
    "T7": (_HELD, {_S.RETRYING}),
    "T8": (_HELD, {_S.FAILED}),
    "T9": (_HELD, {_S.QUEUED}),
    "T10": (_HELD, {_S.QUEUED}),
    "T11": (_HELD, {_S.FAILED}),
    "T12": (set(_S) - _OVER, {_S.CANCELLED}),
    "T13": (_WAITS | {_S.WAITING}, {_S.EXPIRED}),
    "T14": (_HELD, {_S.FAILED}),
    "T15": ({_S.WAITING}, {_S.ACCEPTED}),
    "T16": (_OVER, None),
    "T17": (_WAITS, {_S.FAILED}),
    "T18": ({_S.WAITING}, {_S.SUCCEEDED}),
    "T19": ({_S.WAITING}, {_S.FAILED}),
    "T20": (_HELD, None),
    "T21": (_OVER | {_S.WAITING}, None),
}
_FENCED: Final = {"T2", *(f"T{n}" for n in (4, 5, 6, 7, 8, 9, 10, 11, 14, 17, 18, 19, 20))}
_RAISE_FENCE: Final = {"T3", "T7", "T9", "T10", "T11", "T12", "T14", "T17"}
_GIVE_BACK: Final = {"T9", "T10", "T11"}


def _need(holds: object, rule: str, what: str, old: Job, move: Move) -> None:
    if not holds:
        name = move.transition.name
        raise Violation(rule, f"{what}: {name} on job {old.id} that is {old.status}, {move.args}")


def check_birth(new: Job) -> None:
    """T1: a row nobody holds, that somebody will look at."""
    fresh = new.fence == 0 and new.owner is None and new.output is None
    if not (new.status in _WAITS | {_S.WAITING} and fresh and new.due_at is not None):
        raise Violation("T1", f"job {new.id} is born as {new}")


def check_change(
    old: Job,
    new: Job,
    move: Move,
    *,
    now: float,
    skew_s: float = 0,
    margin_s: float = 10,
    owner_lives: bool = True,
) -> None:
    """Raises Violation. ``now`` is the true time; clocks may be ``skew_s`` off either way.

    Whoever sees the owner dead need not wait for its lease to run out.
    """
    name = move.transition.name
    _edges(old, new, move, name)
    _fences(old, new, move, name)
    _counts(old, new, move, name)
    _times(old, move, name, now=now, skew_s=skew_s)
    if name in ("T10", "T11") and owner_lives:
        lapsed = old.lease_until is None or old.lease_until + margin_s <= now + skew_s
        _need(lapsed, "I5", "a lease that holds is reaped", old, move)
    _shape(old, new, move)
    if name == "T21":
        _need(move.args["seen_due"] == old.group_due, "T21", "another mark is taken", old, move)
    if name == "T16":
        _announcing(old, new, move, now=now, skew_s=skew_s)
    check_effects(old, new, move)


def _edges(old: Job, new: Job, move: Move, name: str) -> None:
    leaves, to = _EDGES[name]
    late = name in ("T16", "T21")
    _need(old.status not in _OVER or late, "I2", "a terminal row is moved", old, move)
    _need(old.status in leaves, "I2", "an edge the lifecycle has not", old, move)
    wanted = {old.status} if to is None else to
    _need(new.status in wanted, "I2", f"it becomes {new.status}", old, move)


def _fences(old: Job, new: Job, move: Move, name: str) -> None:
    if name in _FENCED:
        _need(move.args["fence"] == old.fence, "I5", "written under an old fence", old, move)
    if name in ("T10", "T11"):
        seen = move.args["seen_lease"]
        _need(seen == old.lease_until, "I5", "a lease that was renewed is reaped", old, move)
    rises = 1 if name in _RAISE_FENCE else 0
    _need(new.fence == old.fence + rises, "I9", f"the fence becomes {new.fence}", old, move)


def _counts(old: Job, new: Job, move: Move, name: str) -> None:
    _need(0 <= new.attempts <= new.max_attempts, "I8", "attempts over their cap", old, move)
    if name in ("T3", "T7"):
        spare = new.max_attempts - (name == "T7")
        _need(new.attempts <= spare, "I8", "an attempt more than there may be", old, move)
    started = {"T3": 1}.get(name, -1 if name in _GIVE_BACK else 0)
    _need(new.attempts == old.attempts + started, "I8", "attempts are miscounted", old, move)
    lost = name in ("T10", "T11")
    _need(lost or new.losses == old.losses, "I8", "losses are miscounted", old, move)
    if lost:
        fresh = old.losses_since is None or new.losses_since != old.losses_since
        _need(new.losses == (1 if fresh else old.losses + 1), "I8", "losses jump", old, move)
        poison = new.losses >= new.max_losses
        _need(poison == (name == "T11"), "I8", "poison is misjudged", old, move)


def _times(old: Job, move: Move, name: str, *, now: float, skew_s: float) -> None:
    match name:
        case "T3":
            _need(old.not_before <= now + skew_s, "T3", "before its backoff is over", old, move)
            # A call that was made in time may arrive a minute later: no store could refuse it, and
            # the lease that it takes is over by then.
            asked = float(move.args["now"])  # type: ignore[arg-type]
            _need(asked <= now + skew_s, "T3", "asked for in the future", old, move)
            _need(old.start_by > asked - skew_s, "T3", "after its deadline to start", old, move)
        case "T15":
            _need(old.start_by > now - skew_s, "T15", "after its deadline to start", old, move)
        case "T13":
            _need(old.start_by <= now + skew_s, "T13", "it expires too early", old, move)
        case "T14":
            late = old.run_by is not None and old.run_by <= now + skew_s
            _need(late, "T14", "it is timed out too early", old, move)
        case "T17":
            spent = old.attempts >= old.max_attempts or old.losses >= old.max_losses
            _need(spent, "T17", "given up though it may run", old, move)


def _shape(old: Job, new: Job, move: Move) -> None:
    """What a row must look like whatever was done to it."""
    succeeded = new.status is _S.SUCCEEDED
    _need((new.output is not None) == succeeded, "I3", "a result and no success", old, move)
    held = new.status in _HELD
    _need((new.lease_until is not None) == held, "I5", "a lease and no holder", old, move)
    if new.status not in _OVER:
        _need(new.due_at is not None, "I1", "nobody will look at it again", old, move)
        _need(new.webhook_due is None, "I4", "announced before its end", old, move)
        return
    _need(new.due_at is None, "I1", "looked at for ever", old, move)
    _need(new.ended_at is not None and new.forget_at is not None, "I1", "no end", old, move)
    if old.status not in _OVER and new.webhook:
        _need(new.webhook_due is not None, "I4", "ends and is not announced", old, move)
    if old.status not in _OVER and new.group_id:
        _need(new.group_due is not None, "T21", "ends and its group does not hear", old, move)


def _announcing(old: Job, new: Job, move: Move, *, now: float, skew_s: float) -> None:
    turn = move.args.get("webhook_fence", old.webhook_fence)
    _need(turn == old.webhook_fence, "T16", "another dispatcher's turn", old, move)
    tries, fence = new.webhook_tries - old.webhook_tries, new.webhook_fence - old.webhook_fence
    taken = "webhook_state" not in move.args and "webhook_tries" not in move.args
    replayed = "webhook_tries" in move.args
    _need(fence == (1 if taken or replayed else 0), "T16", "whose turn is it?", old, move)
    _need(replayed or tries == (1 if taken else 0), "T16", "tries are miscounted", old, move)
    if taken:
        due = old.webhook_due is not None and old.webhook_due <= now + skew_s
        _need(due, "T16", "posted before it is due", old, move)
