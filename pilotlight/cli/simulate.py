"""``pilotlight simulate``: what each scaling policy would have cost, and who would have waited."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pilotlight.cli.options import DATA, AsJson, Data
from pilotlight.errors import SettingsError

if TYPE_CHECKING:
    from pilotlight.scaling.simulation.contest import Entry, Site
    from pilotlight.scaling.simulation.figures import Figures
    from pilotlight.scaling.simulation.trace import Arrival

TITLES = ("POLICY", "GPU-HOURS", "MEAN", "P50", "P90", "P95", "P99", "COLD STARTS")


def simulate(
    *,
    trace: Annotated[
        Path | None, typer.Option(help="A CSV file: arrival_s,worker,service_s.")
    ] = None,
    mix: Annotated[
        int | None, typer.Option(help="Made-up traffic instead, from this seed.")
    ] = None,
    days: Annotated[float, typer.Option(min=0.01, help="Length of the made-up traffic.")] = 2,
    history: Annotated[bool, typer.Option("--history", help="What ran on --data instead.")] = False,
    policy: Annotated[str, typer.Option(help="A policy, as name or name:knob, or all.")] = "all",
    cold_start_s: Annotated[
        float, typer.Option("--cold-start-s", min=0, help="Seconds of every cold start.")
    ] = 60,
    max_replicas: Annotated[
        int, typer.Option("--max-replicas", min=1, help="Of each fleet.")
    ] = 100,
    pool: Annotated[
        bool, typer.Option("--pool", help="All workers share one fleet of pooled hosts.")
    ] = False,
    switch_s: Annotated[
        float, typer.Option("--switch-s", min=0, help="A pooled host's model swap from memory.")
    ] = 8.5,
    disk_s: Annotated[
        float | None, typer.Option("--disk-s", min=0, help="The same from disk; else 2.6 times.")
    ] = None,
    train_share: Annotated[
        float, typer.Option("--train-share", min=0, max=0.99, help="Learn on it, report the rest.")
    ] = 0,
    plot: Annotated[
        Path | None, typer.Option(help="Draw cost against wait over all knobs: an SVG file.")
    ] = None,
    as_json: AsJson = False,
    data: Data = DATA,
) -> None:
    """Replay traffic through the scaler's own policies.

    $ pilotlight simulate --mix 1 --policy all --cold-start-s 60

    Policies and their knobs: expected-saving (w), keep-alive (seconds), keda and target-backlog
    (jobs per replica). Nothing is started.
    """
    from pilotlight.scaling.simulation import contest
    from pilotlight.scaling.simulation.pool import Hosts

    arrivals = _arrivals(trace, mix, days, data if history else None)
    hosts = Hosts(switch_s, switch_s * 2.6 if disk_s is None else disk_s) if pool else None
    site = contest.Site(
        cold_start_s=cold_start_s, max_replicas=max_replicas, pool=hosts, train_share=train_share
    )
    names = contest.NAMES if policy == "all" else (policy,)
    entries = {name: contest.entry(name) for name in names}
    found = {name: contest.figures(arrivals, one, site) for name, one in entries.items()}
    if plot is not None:
        _draw(plot, arrivals, list(entries.values()), site)
    _show(found, as_json=as_json)


def _arrivals(
    trace: Path | None, seed: int | None, days: float, data: Path | None
) -> list[Arrival]:
    """Raises SettingsError unless exactly one source is named and it holds anything."""
    from pilotlight.cli.past import runs
    from pilotlight.scaling.simulation import mixes
    from pilotlight.scaling.simulation import trace as traces
    from pilotlight.scaling.simulation.tuning import history

    if sum(source is not None for source in (trace, seed, data)) != 1:
        raise SettingsError("say what to replay: one of --trace FILE, --mix SEED, --history")
    if trace is not None:
        arrivals = traces.read(trace)
    elif seed is not None:
        arrivals = mixes.mix(seed, days=days)
    else:
        assert data is not None
        arrivals = history(runs(data))
    if not arrivals:
        raise SettingsError("there is nothing to replay: no job in it")
    return arrivals


def _draw(path: Path, arrivals: list[Arrival], entries: list[Entry], site: Site) -> None:
    from pilotlight.scaling.simulation import contest
    from pilotlight.scaling.simulation.plot import svg

    lines: dict[str, list[tuple[str, Figures]]] = {
        one.name: [
            (f"{point.knob:g}", contest.figures(arrivals, point, site))
            for point in contest.grid(one.name)
        ]
        for one in entries
    }
    title = f"{len(arrivals)} jobs, cold start {site.cold_start_s:g} s"
    try:
        path.write_text(svg(lines, title=title), encoding="utf-8")
    except OSError as problem:
        raise SettingsError(f"{path} cannot be written: {problem}") from None


def _show(found: dict[str, Figures], *, as_json: bool) -> None:
    from pilotlight.cli import tables

    if as_json:
        tables.show_json({name: dataclasses.asdict(one) for name, one in found.items()})
        return
    tables.show(TITLES, [row(name, one) for name, one in found.items()])


def row(name: str, one: Figures) -> tuple[str, ...]:
    waits = (f"{wait:.1f} s" for wait in one.waits)
    return (name, f"{one.gpu_hours:.2f}", *waits, str(one.cold_starts))
