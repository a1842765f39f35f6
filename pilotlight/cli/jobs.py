"""``pilotlight status | logs | cancel | result | retry``: what a caller may ask of a job."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from pilotlight.cli.options import DATA, AsJson, Data, JobId, Key, Url, api
from pilotlight.errors import InvalidInput
from pilotlight.observability.terminal import harmless


def status(
    job_id: JobId = "",
    *,
    attempts: Annotated[
        bool, typer.Option("--attempts", help="List every attempt and how it ended.")
    ] = False,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
    data: Data = DATA,
) -> None:
    """Say where a job is: waiting, in a cold start, running, done.

    $ pilotlight status 01983f60-...
    $ pilotlight status --attempts 01983f60-...
    $ pilotlight status --json 01983f60-... | jq -r .status

    Ends with 0 whatever became of the job, with 4 when no job has that id.
    """
    from pilotlight.cli.follow import look, sentence

    if not job_id:
        raise InvalidInput(
            "of which job? `pilotlight jobs` lists them, `pilotlight fleet` what runs"
        )
    said = api(url, key, data).status(job_id, attempts=attempts)
    typer.echo(
        json.dumps(said, indent=2, ensure_ascii=False)
        if as_json
        else harmless(sentence(look(said)))
    )
    if attempts and not as_json:
        _show_attempts(said.get("attempts") or [])


def _show_attempts(attempts: list[dict[str, Any]]) -> None:
    from pilotlight.cli import tables

    if not attempts:
        tables.nothing("No attempt has ended so far.")
        return
    rows = [
        (
            str(number),
            one["replica"] or "-",
            tables.moment(one["started_at"]) if one["started_at"] else "-",
            "-" if one["seconds"] is None else f"{one['seconds']:g} s",
            one["outcome"],
            one.get("error") or "",
        )
        for number, one in enumerate(attempts, 1)
    ]
    tables.show(("TRY", "REPLICA", "STARTED, UTC", "TOOK", "OUTCOME", "WHY"), rows)


def logs(
    job_id: JobId,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the end.")] = False,
    url: Url = None,
    key: Key = None,
    data: Data = DATA,
) -> None:
    """Print what a job's worker printed and logged.

    $ pilotlight logs -f 01983f60-...

    Lines go to standard output, control characters in words. Following ends with the job.
    """
    from pilotlight.cli import follow as following

    server = api(url, key, data)
    if follow:
        from pilotlight.adapters.local.clock import SystemClock

        for seen in following.follow(server, job_id, clock=SystemClock()):
            for line in seen.lines:
                typer.echo(harmless(line))
        return
    lines = server.status(job_id).get("logs") or []
    for line in lines:
        typer.echo(harmless(line["message"]))
    if not lines:
        typer.secho("It has logged nothing so far.", dim=True, err=True)


def cancel(job_id: JobId, *, url: Url = None, key: Key = None, data: Data = DATA) -> None:
    """End a job: afterwards it can never succeed.

    $ pilotlight cancel 01983f60-...

    Ends with 0 when this ended it, with 1 when it was over before.
    """
    api(url, key, data).cancel(job_id)
    typer.secho("cancelled", err=True)


def result(
    job_id: JobId,
    *,
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Watch it to its end first.")] = False,
    save: Annotated[
        Path | None, typer.Option("--save", metavar="DIR", help="Save its files there.")
    ] = None,
    url: Url = None,
    key: Key = None,
    data: Data = DATA,
) -> None:
    """Print a finished job's output as JSON, or save its files.

    $ pilotlight result 01983f60-... | jq .images
    $ pilotlight result --wait --save pictures 01983f60-...

    Ends with 1 when the job did not succeed, with 5 when it is not finished.
    """
    from pilotlight.cli import saving, watching

    server = api(url, key, data)
    if wait:
        watching.watch(server, job_id)
    output = server.result(job_id)
    found = [] if save is None else saving.save(server, output, save, saving.stem_of("", job_id))
    watching.show(output, found)


def retry(
    job_ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Jobs that are over.")],
    *,
    url: Url = None,
    key: Key = None,
    data: Data = DATA,
) -> None:
    """Do jobs again, each as a new one from the same input.

    $ pilotlight retry 01983f60-...
    $ pilotlight jobs -s failed --json | jq -r '.[].id' | xargs pilotlight retry

    Prints the new ids, a line each. Stops at the first that is refused.
    """
    server = api(url, key, data)
    for job_id in job_ids:
        typer.echo(server.retry(job_id))
