"""What a store answers about its rows, held against the rows themselves: every index agrees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilotlight.contracts.job import HELD, READY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pilotlight.contracts.job import Job
    from pilotlight.ports.store import JobStore


def check_questions(
    model: Mapping[str, Job], store: JobStore, now: float, *, owners: Sequence[str]
) -> None:
    """Raises AssertionError where an answer is not what the rows say."""
    rows = list(model.values())
    due = sorted(r.due_at for r in rows if r.due_at is not None)
    hooks = sorted(r.webhook_due for r in rows if r.webhook_due is not None)
    assert {row.id: store.get(row.id) for row in rows} == model
    assert [row.due_at for row in store.due(now=now)] == [one for one in due if one <= now]
    assert store.next_due() == min(due, default=None)
    posted = [row.webhook_due for row in store.webhooks_due(now=now)]
    assert posted == [one for one in hooks if one <= now]
    assert store.next_webhook_due() == min(hooks, default=None)
    for owner in owners:
        held = {row.id for row in rows if row.owner == owner and row.status in HELD}
        assert {row.id for row in store.held_by(owner)} == held
    waits = [row for row in rows if row.status in READY and row.not_before <= now]
    load = store.load(now=now).get("lone")
    assert (load.queued if load else 0) == len(waits)
    for row in rows:
        _check_history(row, store)


def _check_history(row: Job, store: JobStore) -> None:
    """One record for each lease that ended, in order, and none for the one that runs."""
    records = store.attempts_of(row.id)
    fences = [record.fence for record in records]
    assert fences == sorted(set(fences)), f"I9: {records}"
    if row.status in HELD:
        assert row.fence not in fences, f"I5: {row}, {records}"
