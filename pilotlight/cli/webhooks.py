"""``pilotlight webhooks list | replay | secret``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pilotlight.cli.lengths import length_of
from pilotlight.cli.options import DATA, AsJson, Data
from pilotlight.delivery.replay import state_of
from pilotlight.errors import InvalidInput

if TYPE_CHECKING:
    from pilotlight.contracts.job import Job

commands = typer.Typer(no_args_is_help=True, help="See and repeat webhooks; show their secrets.")


@commands.command("list")
def list_webhooks(
    *,
    most: Annotated[int, typer.Option("--most", "-n", min=1, help="How many, newest first.")] = 20,
    as_json: AsJson = False,
    data: Data = DATA,
) -> None:
    """List jobs that have a webhook, and what became of it.

    $ pilotlight webhooks list
    """
    from pilotlight.cli import operator, tables

    jobs: list[Job] = []
    if operator.is_there(data):
        with operator.opened(data) as services:
            jobs = services.store.list_jobs(limit=most, webhooks_only=True)
    if as_json:
        tables.show_json([_facts(job) for job in jobs])
    elif not jobs:
        tables.nothing("No job has a webhook yet. Ask for one with `submit --webhook URL`.")
    else:
        rows = [(job.id, state_of(job), str(job.webhook_tries), job.webhook or "") for job in jobs]
        tables.show(("JOB", "WEBHOOK", "TRIES", "URL"), rows)


@commands.command()
def replay(
    job_ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="Jobs to announce again.")
    ] = None,
    *,
    since: Annotated[
        str | None,
        typer.Option(metavar="LENGTH", help="All that ended since then: 90s, 30m, 6h, 2d."),
    ] = None,
    data: Data = DATA,
) -> None:
    """Post webhooks again, with the ids they had before.

    $ pilotlight webhooks replay 01983f60-...
    $ pilotlight webhooks replay --since 6h

    `pilotlight up` posts them: the one that runs, or the next one.
    """
    from pilotlight.cli import operator
    from pilotlight.delivery.replay import replay_jobs, replay_since

    if bool(job_ids) == (since is not None):
        raise InvalidInput("name jobs, or give --since")
    length_s = None if since is None else length_of(since)
    replayed: list[str] = []
    if operator.is_there(data):
        with operator.opened(data) as services:
            now = services.clock.now()
            if length_s is None:
                replayed = replay_jobs(services.store, job_ids or (), now=now)
            else:
                replayed = replay_since(services.store, now - length_s, now=now)
    for job_id in replayed:
        typer.echo(job_id)
    count = len(replayed)
    typer.secho(f"{count} webhook{'' if count == 1 else 's'} will be posted again", err=True)


@commands.command()
def secret(
    *,
    caller: Annotated[
        str,
        typer.Option(help="Whose jobs the webhooks announce; dev is the key's that `up` prints."),
    ] = "dev",
    rotate: Annotated[
        bool, typer.Option("--rotate", help="Make a new one; the old one signs for 24 h more.")
    ] = False,
    data: Data = DATA,
) -> None:
    """Print the Standard Webhooks secret of a caller.

    $ export WEBHOOK_SECRET=$(pilotlight webhooks secret)
    $ pilotlight webhooks secret --caller alice --rotate
    """
    from pilotlight.cli import operator

    with operator.opened(data) as services:
        now = services.clock.now()
        if rotate:
            typer.echo(services.signer.rotate(caller, now))
        else:
            typer.echo(services.signer.active_secrets(caller, now)[0])


def _facts(job: Job) -> dict[str, object]:
    return {
        "job_id": job.id,
        "caller": job.caller,
        "url": job.webhook,
        "state": state_of(job),
        "tries": job.webhook_tries,
        "due_at": job.webhook_due,
        "ended_at": job.ended_at,
    }
