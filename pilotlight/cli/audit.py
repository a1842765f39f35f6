"""``pilotlight audit``: whether any row breaks a promise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pilotlight.cli import running
from pilotlight.cli.exits import Exit
from pilotlight.cli.options import DATA, AsJson, Data

if TYPE_CHECKING:
    from pilotlight.cli.auditing import Found
    from pilotlight.contracts.invariants import Breach


def audit(
    *,
    contents: Annotated[
        bool, typer.Option("--contents", help="Also read every result file and compare its hash.")
    ] = False,
    as_json: AsJson = False,
    data: Data = DATA,
) -> None:
    """Walk every row and say which one breaks a promise. Changes nothing.

    $ pilotlight audit
    $ pilotlight audit --contents --json | jq .breaches

    What is overdue counts only while `pilotlight up` runs on the folder.
    Ends with 0 when all is well, with 1 when something is not.
    """
    from pilotlight.cli import auditing, operator, tables

    found, runs = auditing.Found(), _runs(data)
    if operator.is_there(data):
        with operator.opened(data) as services:
            found = auditing.walk(services, contents=contents)
    wrong = found.breaches + (found.overdue if runs else [])
    if as_json:
        tables.show_json(_said(found, runs=runs))
    elif wrong:
        rows = [(breach.rule, breach.job_id, breach.what) for breach in wrong]
        tables.show(("RULE", "JOB", "WHAT IS WRONG"), rows)
    if not as_json:
        _sum_up(found, runs=runs)
    if wrong:
        raise typer.Exit(Exit.FAILED)


def _runs(data: Path) -> bool:
    found = running.read(data)
    return found is not None and running.alive(found.pid)


def _sum_up(found: Found, *, runs: bool) -> None:
    typer.echo(f"{found.rows} rows, {len(found.breaches)} breaches, {len(found.overdue)} overdue")
    if found.overdue and not runs:
        typer.secho("Nothing runs here, so what is overdue waits for `pilotlight up`.", err=True)


def _said(found: Found, *, runs: bool) -> dict[str, object]:
    return {
        "rows": found.rows,
        "runs": runs,
        "breaches": [_line(breach) for breach in found.breaches],
        "overdue": [_line(breach) for breach in found.overdue],
    }


def _line(breach: Breach) -> dict[str, str]:
    return {"rule": breach.rule, "id": breach.job_id, "what": breach.what}
