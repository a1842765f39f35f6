"""``pilotlight tune``: the cheapest policy that would have kept a promise, from what really ran."""

from __future__ import annotations

import dataclasses
import json
import statistics
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from pilotlight.cli.options import DATA, AsJson, Data

if TYPE_CHECKING:
    from pathlib import Path

    from pilotlight.scaling.simulation.contest import Entry
    from pilotlight.scaling.simulation.tuning import Proposal

_FEW: Final = 20
"""With fewer jobs a replay says little."""


def tune(
    *,
    p95: Annotated[float, typer.Option(min=0, help="Seconds that 95 % of jobs may wait at most.")],
    worker: Annotated[str | None, typer.Option(help="Only this worker.")] = None,
    days: Annotated[float, typer.Option(min=0.01, help="How far back.")] = 14,
    cold_start_s: Annotated[
        float | None, typer.Option("--cold-start-s", min=0, help="Else as measured here.")
    ] = None,
    as_json: AsJson = False,
    data: Data = DATA,
) -> None:
    """Replay your own last days against a grid of policies and propose a setting per worker.

    $ pilotlight tune --p95 30

    Changes nothing: it prints the setting, and what the others would have cost.
    """
    from pilotlight.cli import tables
    from pilotlight.cli.past import runs
    from pilotlight.scaling.simulation.tuning import history

    trace = history(runs(data, days=days))
    colds = _cold_starts(data, sorted({one.worker for one in trace}))
    told = {}
    for name, measured_s in colds.items():
        own = [one for one in trace if one.worker == name]
        cold_s = measured_s if cold_start_s is None else cold_start_s
        if worker not in (None, name):
            continue
        if len(own) < _FEW or cold_s is None:
            tables.nothing(
                f"{name}: {tables.counted(len(own), 'job')} and too few cold starts to learn from."
            )
            continue
        told[name] = (len(own), cold_s, _proposal(own, cold_s, p95))
    if as_json:
        tables.show_json({name: _as_json(*one) for name, one in told.items()})
        return
    for name, (jobs, cold_s, proposal) in told.items():
        _print(name, jobs, cold_s, proposal, p95)
    if not told:
        tables.nothing("There is nothing to tune yet.")


def _cold_starts(data: Path, workers: list[str]) -> dict[str, float | None]:
    """The median of each worker's measured ones."""
    from pilotlight.cli import operator

    with operator.opened(data) as services:
        measured = {name: services.fleet.cold_starts(name) for name in workers}
    return {
        name: statistics.median(one.total_s for one in starts) if starts else None
        for name, starts in measured.items()
    }


def _proposal(own: list[Any], cold_s: float, p95: float) -> Proposal:
    from pilotlight.scaling.simulation.contest import Site
    from pilotlight.scaling.simulation.tuning import tune as replay_all

    return replay_all(own, Site(cold_start_s=cold_s), p95_s=p95)


def setting(worker: str, entry: Entry) -> str:
    """The environment variable that makes it so."""
    own: dict[str, object] = {"policy": entry.name}
    if entry.name == "expected-saving":
        own |= {"w": entry.knob, "keep_alive_s": 0}
    else:
        own["keep_alive_s"] = entry.knob
    return f"PILOTLIGHT_SCALING__WORKERS='{json.dumps({worker: own})}'"


def _as_json(jobs: int, cold_s: float, proposal: Proposal) -> dict[str, Any]:
    best = proposal.best
    return {
        "jobs": jobs,
        "cold_start_s": round(cold_s, 3),
        "proposal": best.entry.label if best else None,
        "counterfactuals": {
            one.entry.label: dataclasses.asdict(one.figures) for one in proposal.tried
        },
    }


def _print(name: str, jobs: int, cold_s: float, proposal: Proposal, p95: float) -> None:
    from pilotlight.cli import tables
    from pilotlight.cli.simulate import TITLES, row

    typer.echo(f"{name}: {jobs} jobs, cold starts of {cold_s:.1f} s")
    rows = [
        ("*" if one is proposal.best else "", *row(one.entry.label, one.figures))
        for one in proposal.tried
    ]
    tables.show(("", *TITLES), rows)
    if proposal.best is None:
        typer.echo(f"None keeps 95 % of the waits under {p95:g} s: keep a replica warm instead.\n")
        return
    typer.echo(f"The cheapest under {p95:g} s:\n  {setting(name, proposal.best.entry)}\n")
