"""``pilotlight jobs``: which jobs there are, and what became of them."""

from __future__ import annotations

from itertools import islice, takewhile
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pilotlight.cli.counting import By, counted
from pilotlight.cli.lengths import length_of
from pilotlight.cli.options import DATA, AsJson, Data
from pilotlight.contracts.job import JobStatus

if TYPE_CHECKING:
    from pilotlight.bootstrap.ingress import Services
    from pilotlight.contracts.job import Job

_TITLES = ("JOB", "STATUS", "ENDPOINT", "CALLER", "MADE", "TOOK", "WHY")


def jobs(
    *,
    status: Annotated[
        list[JobStatus] | None,
        typer.Option("--status", "-s", help="Only those; may be given again."),
    ] = None,
    endpoint: Annotated[str | None, typer.Option(help="Only those of this endpoint.")] = None,
    caller: Annotated[str | None, typer.Option(help="Only those of this caller.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="LENGTH", help="Made since then: 90s, 30m, 6h, 2d.")
    ] = None,
    most: Annotated[int, typer.Option("--most", "-n", min=1, help="How many, newest first.")] = 20,
    by: Annotated[
        By | None, typer.Option(help="Count all of them by this instead, the most frequent first.")
    ] = None,
    as_json: AsJson = False,
    data: Data = DATA,
) -> None:
    """List the jobs of all callers, newest first, and why those that failed did.

    $ pilotlight jobs
    $ pilotlight jobs --status failed --since 2d
    $ pilotlight jobs --status failed --since 1d --by why
    $ pilotlight jobs --since 1h --by caller
    $ pilotlight jobs -s failed --json | jq -r '.[].id' | xargs pilotlight retry

    Reads the data folder, so it also works while nothing runs.
    """
    from pilotlight.cli import operator, tables

    length_s = None if since is None else length_of(since)

    def wanted(job: Job) -> bool:
        return (
            (not status or job.status in status)
            and endpoint in (None, job.endpoint)
            and caller in (None, job.caller)
        )

    rows: list[dict[str, Any]] = []
    now = 0.0
    if operator.is_there(data):
        with operator.opened(data) as services:
            now = services.clock.now()
            since_s = 0.0 if length_s is None else now - length_s
            young = takewhile(lambda job: job.created_at >= since_s, services.store.every())
            told = (_facts(services, job) for job in filter(wanted, young))
            rows = list(islice(told, most)) if by is None else counted(told, by)[:most]
    if as_json:
        tables.show_json(rows)
    elif rows and by is not None:
        titles = ("JOBS", by.upper(), "FIRST", "LAST", "ITS ID")
        tables.show(titles, [_count(one, by, now) for one in rows], spare=("FIRST",))
    elif rows:
        spare = ("CALLER", "TOOK")
        tables.show(_TITLES, [_row(one, now) for one in rows], spare=spare)
    elif status or endpoint or caller or since:
        tables.nothing("No job is like that.")
    else:
        tables.nothing("No jobs yet. `pilotlight submit` sends one.")


def _facts(services: Services, job: Job) -> dict[str, Any]:
    failed = job.status.is_terminal and job.status is not JobStatus.SUCCEEDED
    return {
        "id": job.id,
        "status": str(job.status),
        "endpoint": job.endpoint,
        "worker": job.worker,
        "caller": job.caller,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "ended_at": job.ended_at,
        "attempts": job.attempts,
        "error": services.control.error(job).message if failed else None,
    }


def _count(one: dict[str, Any], by: By, now: float) -> tuple[str, ...]:
    from pilotlight.cli.tables import ago

    first, last = ago(one["first_at"], now), ago(one["last_at"], now)
    return str(one["jobs"]), one[by] or "-", first, last, one["last_id"]


def _row(one: dict[str, Any], now: float) -> tuple[str, ...]:
    from pilotlight.cli.tables import ago, length

    took = "" if one["ended_at"] is None else length(one["ended_at"] - one["created_at"])
    made = ago(one["created_at"], now)
    why = (one["error"] or "").partition("\n")[0]
    return one["id"], one["status"], one["endpoint"], one["caller"], made, took, why
