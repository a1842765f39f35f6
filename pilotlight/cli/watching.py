"""Wait for a job in front of somebody, then bring its result home."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import typer

from pilotlight.adapters.local.clock import SystemClock
from pilotlight.cli import saving
from pilotlight.cli.exits import Exit
from pilotlight.cli.follow import follow, settled

if TYPE_CHECKING:
    from pathlib import Path

    from pilotlight.cli.client import Api


def watch_and_save(server: Api, job_id: str, endpoint: str, folder: Path) -> None:
    """Raises JobDidNotSucceed. Ctrl-C leaves the job alone and says how to go on."""
    clock = SystemClock()
    began = clock.monotonic()
    watch(server, job_id)
    output = server.result(job_id)
    took = clock.monotonic() - began
    paths = saving.save(server, output, folder, saving.stem_of(endpoint, job_id))
    typer.secho(f"done in {took:.1f} s", fg=typer.colors.GREEN, err=True)
    show(output, paths)


def watch(server: Api, job_id: str) -> None:
    """Raises JobDidNotSucceed, Unreachable, and typer.Exit on Ctrl-C."""
    from pilotlight.cli import screen

    try:
        screen.watch(settled(follow(server, job_id, clock=SystemClock())))
    except KeyboardInterrupt:
        typer.echo(
            "\nYou stopped watching; the job goes on.\n"
            f"  go on:  pilotlight result --wait {job_id}\n"
            f"  end it: pilotlight cancel {job_id}",
            err=True,
        )
        raise typer.Exit(Exit.INTERRUPTED) from None


def show(output: Any, paths: list[Path]) -> None:
    """The names of what was saved; a result without files as it is."""
    if not paths:
        typer.echo(json.dumps(output, indent=2, ensure_ascii=False))
    for path in paths:
        typer.echo(str(path))
