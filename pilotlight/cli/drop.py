"""``pilotlight drop``: what becomes of the files in the drop folder."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from pilotlight.cli.options import DATA, AsJson, Data

if TYPE_CHECKING:
    from pathlib import Path

    from pilotlight.bootstrap.ingress import Services
    from pilotlight.intake.drop.watching import Drops
    from pilotlight.ports.drop import Taken

_LOOK_S: Final = 0.5
_SHOWN: Final = 20
_NEWEST: Final = 5
"""Errors that are told; their count is of all."""


def drop(
    *,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Go on until every file's result is written.")
    ] = False,
    as_json: AsJson = False,
    data: Data = DATA,
) -> None:
    """Show how far the files in the drop folder are.

    $ mkdir -p .pilotlight/drop/pilotlight/echo
    $ echo '{"text": "hi"}' > .pilotlight/drop/pilotlight/echo/hi.json
    $ pilotlight drop --watch

    Reads the data folder, so it also works while nothing runs.
    """
    from pilotlight.cli import operator, tables

    if not operator.is_there(data):
        tables.nothing(f"Nothing has run on {data} yet. Start with `pilotlight up`.")
        return
    with operator.opened(data) as services:
        drops = services.drops
        if drops is None:
            tables.nothing("This deployment has no drop folder.")
            return
        if watch:
            _follow(services, drops)
        said = _said(services, drops)
    results = data / "drop-results"
    failures = _failures(results)
    said["failed"] = len(failures)
    if as_json:
        tables.show_json(said)
        return
    _show(said, data / "drop", results)
    for path in failures[-_NEWEST:]:
        tables.nothing(f"{path}: {_why(path)}")


def _follow(services: Services, drops: Drops) -> None:
    before = ""
    while True:
        said = _said(services, drops)
        line = _line(said)
        if line != before:
            typer.echo(line, err=True)
            before = line
        if not said["waiting"] and not said["pending"]:
            return
        services.clock.sleep(_LOOK_S)


def _line(said: dict[str, Any]) -> str:
    begun = "".join(f", {one['key']} {one['done']}" for one in said["files"][:3])
    return (
        f"{said['written']} written, {said['pending']} on their way, "
        f"{said['waiting']} not taken yet{begun}"
    )


def _said(services: Services, drops: Drops) -> dict[str, Any]:
    taken, pending = drops.ledger.counts()
    files = [_file(services, one) for one in drops.ledger.pending(limit=_SHOWN)]
    waiting = drops.taking.fresh(drops.folder.listing())
    return {"written": taken - pending, "pending": pending, "waiting": waiting, "files": files}


def _file(services: Services, one: Taken) -> dict[str, Any]:
    from pilotlight.intake.drop.naming import shown
    from pilotlight.intake.groups.batches.ticket import ENDPOINT, Spread

    job = services.store.get(one.job_id or "")
    said = {"key": shown(one.key), "job_id": one.job_id, "status": "forgotten", "done": ""}
    if job is None:
        return said
    done = f"{job.progress:.0%}"
    if job.endpoint == ENDPOINT and (tally := services.members.tally(job.id)) is not None:
        done = f"{tally.ended}/{Spread.read(tally.cursor).total}"
    return {**said, "status": str(job.status), "done": done}


def _failures(results: Path) -> list[Path]:
    """What was written instead of a result: of files, and of single lines; the newest last."""
    return sorted(results.rglob("*.error.json"), key=lambda path: path.stat().st_mtime)


def _why(path: Path) -> str:
    try:
        return str(json.loads(path.read_text())["error"]["message"])
    except (OSError, ValueError, LookupError, TypeError):
        return "not in words of ours"


def _show(said: dict[str, Any], folder: object, results: object) -> None:
    from pilotlight.cli import tables

    if said["files"]:
        rows = [(one["key"], one["status"], one["done"], one["job_id"]) for one in said["files"]]
        tables.show(("FILE", "STATUS", "DONE", "JOB"), rows)
    typer.echo(
        f"{tables.counted(said['written'], 'result')} in {results}, {said['pending']} on their way, "
        f"{tables.counted(said['waiting'], 'file')} in {folder} not taken yet"
    )
    if said["failed"]:
        typer.echo(f"{tables.counted(said['failed'], 'error')} there; the newest:")
