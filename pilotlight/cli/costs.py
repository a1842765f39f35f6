"""``pilotlight costs``: what ran, for whom, and what that is in money."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from pilotlight.cli.options import DATA, AsJson, Data

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pilotlight.bootstrap.ingress import Services
    from pilotlight.contracts.worker import WorkerSpec
    from pilotlight.scaling.billing import Charge, Habits, Span
    from pilotlight.settings.aws import CostSettings

_DAY_S: Final = 86_400
_TITLES: Final = ("WORKER", "CALLER", "ATTEMPTS", "RUN", "COLD", "IDLE", "HOURS", "MACHINE", "USD")
_NO_CALLER: Final = "-"


def costs(
    *,
    days: Annotated[float, typer.Option(min=0.01, help="How far back.")] = 30,
    as_json: AsJson = False,
    data: Data = DATA,
) -> None:
    """What replicas cost, by worker and by caller, cold starts and idle time included.

    $ pilotlight costs --days 7

    List prices by machine and region, from the settings: PILOTLIGHT_COSTS__HOURLY_USD sets yours,
    PILOTLIGHT_COSTS__MACHINES what a worker runs on. The bill itself is in AWS's Cost Explorer,
    by the tag pilotlight-worker.
    """
    from pilotlight.cli import operator, tables
    from pilotlight.scaling.billing import charges

    with operator.opened(data) as services:
        now = services.clock.now()
        spans = list(_spans(services, since=now - days * _DAY_S))
        pools = services.controller.pools
        specs = {n: pools.fleets[pools.fleet_of(n)] for n in services.catalogue.workers}
        habits = {name: _habits(services, specs.get(name), name) for name in _names(spans)}
        region = services.settings.aws.region or services.settings.costs.region
        local = services.settings.mode == "local"
        found = charges(spans, habits, now=now)
        lines = _lines(found, specs, services.settings.costs, region)
    if as_json:
        tables.show_json({"region": region, "days": days, "charges": lines})
    elif not lines:
        tables.nothing(f"No attempt has ended in the last {days:g} days.")
    else:
        tables.show(_TITLES, [_cells(one) for one in lines])
        if local:
            tables.nothing("This machine sends no bill: that is what AWS would ask for the same.")
        _say_what_is_missing(lines, region)


def _names(spans: list[Span]) -> set[str]:
    return {one.worker for one in spans}


def _spans(services: Services, *, since: float) -> Iterator[Span]:
    """Every attempt of the span, at one read for each job."""
    from pilotlight.scaling.billing import Span

    for job in services.store.every():
        if job.ended_at is not None and job.ended_at < since:
            continue
        for attempt in services.store.attempts_of(job.id):
            if attempt.owner and attempt.started_at is not None and attempt.ended_at >= since:
                yield Span(
                    worker=job.worker,
                    replica=attempt.owner,
                    caller=job.caller,
                    began=max(attempt.started_at, since),
                    ended=attempt.ended_at,
                )


def _habits(services: Services, spec: WorkerSpec | None, name: str) -> Habits:
    from pilotlight.scaling.billing import Habits

    fleet = name if spec is None else spec.name  # of a pool its hosts are cold, and kept
    colds = [one.total_s for one in services.fleet.cold_starts(fleet)]
    own = services.settings.scaling.worker(fleet).keep_alive_s
    keep_alive_s = spec.keep_alive_s if own is None and spec is not None else own
    return Habits(statistics.median(colds) if colds else 0.0, keep_alive_s or 0.0)


def _lines(
    found: Mapping[tuple[str, str], Charge],
    specs: Mapping[str, WorkerSpec],
    prices: CostSettings,
    region: str,
) -> list[dict[str, Any]]:
    """Dearest first, and each worker's machine with its price."""
    lines = []
    for (worker, caller), charge in found.items():
        machine = _machine(worker, specs.get(worker), prices, region)
        hourly = prices.hourly(region, machine) if machine else None
        hours = charge.total_s / 3600
        lines.append(
            {
                "worker": worker,
                "caller": caller,
                "attempts": charge.attempts,
                "run_s": charge.run_s,
                "cold_s": charge.cold_s,
                "idle_s": charge.idle_s,
                "hours": hours,
                "machine": machine,
                "usd": None if hourly is None else hours * hourly,
            }
        )
    return sorted(lines, key=lambda one: (-(one["usd"] or 0), -one["hours"]))


def _machine(worker: str, spec: WorkerSpec | None, prices: CostSettings, region: str) -> str | None:
    """None for a worker whose file is gone, or that no machine of the region holds."""
    from pilotlight.adapters.aws.machines import billed_as
    from pilotlight.errors import SettingsError

    if worker in prices.machines:
        return prices.machines[worker]
    if spec is None:
        return None
    try:
        return billed_as(spec, region)
    except SettingsError:
        return None


def _cells(line: dict[str, Any]) -> list[str]:
    usd = line["usd"]
    return [
        line["worker"],
        line["caller"] or _NO_CALLER,
        str(line["attempts"]),
        *(f"{line[name]:.1f} s" for name in ("run_s", "cold_s", "idle_s")),
        f"{line['hours']:.3f}",
        line["machine"] or "?",
        "?" if usd is None else f"{usd:.4f}",
    ]


def _say_what_is_missing(lines: list[dict[str, Any]], region: str) -> None:
    known = sum(one["usd"] or 0 for one in lines)
    typer.echo(f"{known:.4f} US dollars in all, at list prices of {region}")
    unpriced = sorted({one["machine"] for one in lines if one["usd"] is None and one["machine"]})
    for machine in unpriced:
        example = f'{{"{region}": {{"{machine}": 1.0}}}}'
        typer.echo(
            f"no price for {machine}: set PILOTLIGHT_COSTS__HOURLY_USD='{example}'", err=True
        )
