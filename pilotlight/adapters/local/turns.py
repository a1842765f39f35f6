"""Whose turn it is: callers share a worker, however many jobs one of them brings.

Start-time fair queueing (Goyal, Vin and Cheng, 1996), every job counted alike, with a lane for
those who ask little. A new row gets three numbers that never change:

``level``   what its caller has had: one more than its newest job in the same queue, but never
            less than *now*, the level that the queue has reached. So callers who keep a queue
            waiting advance together, and whoever comes back takes part from now on.
``credit``  what its caller may ask before it counts as one that fills the queue. Each job takes
            one; each level that passes without a job of its own gives one back.
``turn``    what rows run in order of: the level, less HEAD_START while there is credit.

So whoever asks less than its share waits for others like it, in order of arrival, and not for the
one who queued 50,000 jobs; that one gets what the others leave, and its share when they leave
nothing. Nobody starves: credits end, now rises with every level that is run, and no job is ever
passed by one that came more than _HORIZON rows later. Where nothing waits or runs, now is the
row's own ``seq``; no level is beyond that, so one caller alone is served in order of arrival.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pilotlight.adapters.local.schema import HELD_SQL, READY_SQL

if TYPE_CHECKING:
    from pilotlight.adapters.local.transaction import Execute
    from pilotlight.contracts.job import Job

MOST_CREDIT: Final = 16
HEAD_START: Final = 1000
"""Levels. With less, callers close to their share sometimes wait for the long queue."""
_HORIZON: Final = 1_000_000
_QUEUE: Final = "worker = ?1 AND priority = ?2"
_OWN: Final = f"FROM turn WHERE caller = ?4 AND {_QUEUE}"
# What waits for its backoff may have an old turn: it is not what is next.
_FACTS: Final = f"""
SELECT (SELECT max(level) FROM job WHERE {_QUEUE} AND {HELD_SQL}),
    (SELECT level FROM job WHERE {_QUEUE} AND {READY_SQL} AND not_before <= ?3
        ORDER BY turn, seq LIMIT 1),
    (SELECT max(seq) FROM job), (SELECT level {_OWN}), (SELECT credit {_OWN})
"""
# A queue without any row that lives stands at the next row's own number, and no level in it will
# ever be lower: to have had that much less, with so much credit, is to have had nothing.
_SWEEP: Final = f"""
DELETE FROM turn WHERE level - credit + {MOST_CREDIT + 1} <= 1 + (SELECT max(seq) FROM job)
    AND (worker, priority) NOT IN (SELECT worker, priority FROM job WHERE due_at IS NOT NULL)
"""


class Turn(NamedTuple):
    level: int
    credit: int
    turn: int


def reckon(
    runs: int | None, waits: int | None, newest_row: int | None, had: int | None, left: int | None
) -> Turn:
    """``runs``: the highest level that runs; ``waits``: that of the row that is next.

    ``had`` and ``left``: level and credit of the caller's newest job in this queue.
    """
    row = (newest_row or 0) + 1
    seen = runs if waits is None or (runs is not None and runs > waits) else waits
    now = row if seen is None else max(seen, row - _HORIZON)
    if had is None or left is None:
        level, credit = now, MOST_CREDIT
    else:
        # What has been forgotten since may have had higher numbers than this row has.
        level = max(now, min(had + 1, row))
        credit = max(0, min(MOST_CREDIT, left + max(now - had, 0) - 1))
    return Turn(level, credit, level - HEAD_START if credit else level)


def of(execute: Execute, job: Job) -> Turn:
    """The turn of a job that is about to be inserted, in the same transaction."""
    facts = (job.worker, job.priority, job.created_at, job.caller)
    turn = reckon(*execute(_FACTS, facts).fetchone())
    newest = (job.caller, job.worker, job.priority, turn.level, turn.credit)
    execute("INSERT OR REPLACE INTO turn VALUES (?, ?, ?, ?, ?)", newest)
    return turn


def sweep(execute: Execute) -> None:
    """Forget what makes no difference to anybody's next turn."""
    execute(_SWEEP)
