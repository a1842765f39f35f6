"""The guards, removed one at a time: what the simulation does not notice, it does not test.

A mutant is a patch of the real code for the length of a run. Those of the lifecycle's table are
made from the table itself: each without one guard, from any status, without its fence, without
its announcement. The others take away one thing that execution, intake, delivery or upkeep does
for safety. A cost mutant breaks no invariant; it must move the counter that it names.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

from pilotlight.contracts import events, lifecycle, moves
from pilotlight.delivery import dispatcher as dispatching
from pilotlight.delivery.hosts import Hosts
from pilotlight.delivery.schedule import Delivered, GiveUp
from pilotlight.errors import UnknownJob
from pilotlight.execution import attempt_files, dead_letters, ledger, outputs, reaper, retry, slots
from pilotlight.execution.drain import Drain
from pilotlight.execution.hearing import Hearing
from pilotlight.execution.outputs import Outputs
from pilotlight.execution.replica import Replica
from pilotlight.intake import submit
from pilotlight.intake.control import Control
from pilotlight.intake.grouping import Recorder
from pilotlight.ports.blobs import BlobInfo
from pilotlight.ports.store import Created
from pilotlight.scaling import controller
from tests.sim.group_mutants import GROUPS
from tests.sim.table_mutants import Mutant, Patch, of_table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from pilotlight.contracts.job import Job
    from pilotlight.contracts.lifecycle import Transition


# What the code around it does for safety


def _reaps_all_but(*names: str) -> Patch:
    real = reaper.decide

    def decide(job: Job, **times: Any) -> Any:
        move = real(job, **times)
        return None if move is not None and move.transition.name in names else move

    return partial(patch.object, reaper, "decide", decide)


def _never_poison() -> AbstractContextManager[Any]:
    real = moves.lost

    def lost(job: Job, *, now: float) -> Any:
        move = real(job, now=now)
        return lifecycle.Move(lifecycle.T10, {**move.args, "due_at": now})

    return patch.object(moves, "lost", lost)


@contextlib.contextmanager
def _no_attempt_cap() -> Iterator[None]:
    real = retry.decide

    def decide(failure: Any, **facts: Any) -> Any:
        return real(failure, **{**facts, "max_attempts": 1000})

    uncapped = {
        name: replace(
            getattr(lifecycle, name),
            guards=tuple(g for g in getattr(lifecycle, name).guards if g.column != "attempts"),
        )
        for name in ("T3", "T7")
    }
    with patch.object(retry, "decide", decide), patch.multiple(lifecycle, **uncapped):
        yield


def _no_key() -> AbstractContextManager[Any]:
    real = submit.Submit._job

    def job(self: Any, *args: Any) -> Job:
        return replace(real(self, *args), idempotency_key=f"once-{id(args)}-{len(str(args))}")

    def forgotten(self: Any, *args: Any) -> Job:
        return replace(job(self, *args), idempotency_key=None)

    return patch.object(submit.Submit, "_job", forgotten)


def _shared_result_key() -> AbstractContextManager[Any]:
    real = outputs.find_files

    def find_files(output: str, *, folder: Any, job: Job) -> Any:
        return real(output, folder=folder, job=replace(job, fence=0))

    return patch.object(outputs, "find_files", find_files)


def _settled(answer: bool) -> Patch:  # noqa: FBT001 - it is what the patched method answers
    return partial(patch.object, ledger.Ledger, "settled_by_me", lambda self, attempt: answer)


def _answers_unrecorded() -> AbstractContextManager[Any]:
    async def record(self: Any, job: Job) -> Created:
        return Created(job, existed=False)

    return patch.object(Recorder, "record", record)


def _cancels_in_words() -> AbstractContextManager[Any]:
    return patch.object(
        Control, "cancel", lambda self, job_id, *, caller: self.job(job_id, caller=caller)
    )


def _anyones_job() -> AbstractContextManager[Any]:
    def job(self: Any, job_id: str, *, caller: str) -> Job:
        row: Job | None = self.store.get(job_id)
        if row is None:
            raise UnknownJob("no such job")
        return row

    return patch.object(Control, "job", job)


def _files_never_stored() -> AbstractContextManager[Any]:
    def put(self: Any, file: Any) -> BlobInfo:
        return BlobInfo(file.key, 1, "0" * 64, file.content_type, file.file_name)

    return patch.object(Outputs, "_put", put)


def _next_try(outcome: Any) -> Patch:
    return partial(patch.object, dispatching, "next_try", lambda *_, **__: outcome)


def _never_shrinks() -> AbstractContextManager[Any]:
    real = controller.decide

    def decide(*given: Any, **named: Any) -> Any:
        return replace(real(*given, **named), retire=())

    return patch.object(controller, "decide", decide)


def _never_self_fences() -> AbstractContextManager[Any]:
    """Seen by partitions alone: who reaches the store is told by it, at the next beat."""
    real = slots.Slots.check

    def check(self: Any, now: float) -> bool:
        for attempt in self:
            attempt.held_at = now
        return real(self, now)

    return patch.object(slots.Slots, "check", check)


def _webhook_lease_of_nothing() -> AbstractContextManager[Any]:
    real = moves.lease_webhook

    def lease(job: Job, *, now: float, lease_s: float) -> Any:
        return real(job, now=now, lease_s=0)

    return patch.object(moves, "lease_webhook", lease)


def _hasty_reaper() -> AbstractContextManager[Any]:
    """Without its margin a reaper whose clock is fast takes leases that still hold."""
    real_lease, real_held = moves.lease, moves._held

    def lease(**given: Any) -> Any:
        return real_lease(**{**given, "margin_s": 0})

    def held(transition: Transition, job: Job, **given: Any) -> Any:
        return real_held(transition, job, **{**given, "margin_s": 0})

    stack = contextlib.ExitStack()
    stack.enter_context(patch.multiple(moves, lease=lease, _held=held))
    real = reaper.decide
    hasty = patch.object(reaper, "decide", lambda job, **t: real(job, **{**t, "margin_s": 0.0}))
    stack.enter_context(hasty)
    return stack


def _hears_no_ids(replica: Any) -> None:
    replica._ports.queue.poked()
    replica._hint = True


def _never_beats(_: Any, attempt: Any, now: float) -> None:
    attempt.beat_at = now + 1e9


def _nothing(*_: Any, **__: Any) -> None:
    return None


def _empty(*_: Any, **__: Any) -> list[Any]:
    return []


def _confirms_at_once() -> AbstractContextManager[Any]:
    real = Hearing._told

    def told(self: Any, attempt: Any, event: Any) -> None:
        real(self, attempt, event)
        if isinstance(event, events.Note):
            self._slots._say(events.Noted(attempt.id))

    return patch.object(Hearing, "_told", told)


def _tells_no_note() -> AbstractContextManager[Any]:
    real = slots._run
    return patch.object(slots, "_run", lambda *args: replace(real(*args), note=""))


def _calls_forward_unseen() -> AbstractContextManager[Any]:
    """The row may have been posted since by the other dispatcher."""
    loose = replace(lifecycle.T16_SETTLE, guards=())
    real = moves.hasten_webhook

    def hasten(fence: int, *, now: float) -> Any:
        return replace(real(fence, now=now), transition=loose)

    return patch.object(moves, "hasten_webhook", hasten)


def _born_queued() -> AbstractContextManager[Any]:
    """As where the row is the message itself: upkeep then sends none before the deadline."""
    real = submit.Submit._job

    def job(self: Any, *args: Any) -> Job:
        row: Job = real(self, *args)
        return replace(row, **lifecycle.born_queued(due_at=row.start_by))

    return patch.object(submit.Submit, "_job", job)


def _reads_anything() -> AbstractContextManager[Any]:
    return patch.object(Control, "output", lambda self, job, **_: (job.output or "{}").encode())


_SAFETY: Final[dict[str, Patch]] = {
    "the reaper takes no lease back": _reaps_all_but("T10", "T11", "T14"),
    "upkeep sends nothing again": _reaps_all_but("T2"),
    "nothing expires": _reaps_all_but("T13"),
    "a dead letter ends its job": partial(patch.object, dead_letters, "is_spent", lambda job: True),
    "poison is never given up": _never_poison,
    "attempts have no cap at all": _no_attempt_cap,
    "the reaper leaves no margin": _hasty_reaper,
    "idempotency keys are forgotten": _no_key,
    "a key may be used with another body": partial(patch.object, submit, "_same_body", _nothing),
    "result keys have no fence": _shared_result_key,
    "a lost answer counts as a lost job": _settled(False),
    "a job is answered before it is recorded": _answers_unrecorded,
    "a cancel is answered and not done": _cancels_in_words,
    "a job is anyone's": _anyones_job,
    "a success is written before its files": _files_never_stored,
    "a webhook nobody took counts as delivered": _next_try(Delivered()),
    "a webhook is given up at its first failure": _next_try(GiveUp()),
    "a receiver never gets its turn back": partial(patch.object, Hosts, "given_back", _nothing),
    "replicas never leave": _never_shrinks,
    "a note is confirmed before it is kept": _confirms_at_once,
    "a later attempt is told no note": _tells_no_note,
    "what is called forward may be posted by now": _calls_forward_unseen,
    "a row is its own message where there are others": _born_queued,
    "what has no result can be read": _reads_anything,
    **GROUPS,
    "a replica never fences itself": _never_self_fences,
    "a lost lease stops no child": partial(patch.object, slots.Slots, "stop", _nothing),
}
_COST: Final[dict[str, tuple[Patch, str]]] = {
    "a replica heeds no poke": (
        partial(patch.object, Replica, "_on_queue", _hears_no_ids),
        "cancelled_run_s",
    ),
    "leases nobody knows of are kept": (
        partial(patch.object, ledger.Ledger, "strays", _empty),
        "losses_of_the_living",
    ),
    "a draining replica hands nothing back": (
        partial(patch.object, Drain, "_return", _nothing),
        "losses_of_the_drained",
    ),
    "files nobody wants are kept": (
        partial(patch.object, attempt_files.Outputs, "delete", _nothing),
        "orphan_files",
    ),
    "dispatchers do not lease what they post": (_webhook_lease_of_nothing, "webhooks_doubled"),
    "nothing is ever beaten": (
        partial(patch.object, slots.Slots, "set_beat", _never_beats),
        "losses_of_the_living",
    ),
}


def all_mutants() -> dict[str, Mutant]:
    """Every mutant by name."""
    found = [*of_table()]
    found += [Mutant(name, made) for name, made in _SAFETY.items()]
    found += [Mutant(name, made, counter) for name, (made, counter) in _COST.items()]
    return {mutant.name: mutant for mutant in found}
