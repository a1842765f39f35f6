"""``pilotlight fleet``: what runs here, and why."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer

from pilotlight.cli.options import DATA, AsJson, Data

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from pilotlight.bootstrap.ingress import Services
    from pilotlight.ports.fleet import Replica
    from pilotlight.scaling.policy import Decision


def fleet(
    *,
    why: Annotated[
        bool, typer.Option("--why", help="Say what the scaler thinks, and why.")
    ] = False,
    cold_starts: Annotated[
        bool, typer.Option("--cold-starts", help="Show how long each stage of a start takes.")
    ] = False,
    as_json: AsJson = False,
    data: Data = DATA,
) -> None:
    """List the replicas that run on this machine.

    $ pilotlight fleet --why

    Reads the data folder, so it also works while nothing runs.
    """
    from pilotlight.cli import operator, tables

    if not operator.is_there(data):
        tables.nothing(f"Nothing has run on {data} yet. Start with `pilotlight up`.")
        return
    if cold_starts:
        _show_cold_starts(data, as_json=as_json)
        return
    with operator.opened(data) as services:
        replicas = services.fleet.replicas()
        thoughts = _thoughts(services) if why else []
        now = services.clock.now()
        paused = _paused(services)
    if as_json:
        told = [dataclasses.asdict(replica) for replica in replicas]
        tables.show_json({"replicas": told, "paused": paused, "why": dict(thoughts)})
        return
    live = [replica for replica in replicas if replica.ended_at is None]
    if not live:
        tables.nothing("No replicas run. " + _why_none(data, services))
    else:
        tables.show(
            ("REPLICA", "WORKER", "STAGE", "SINCE", "LAST ACTIVE", "PID"),
            [_row(replica, now) for replica in live],
            spare=("PID", "LAST ACTIVE"),
        )
    for words in (*_held(paused, now), *_failed(replicas, now, data / "logs")):
        tables.nothing(words)
    for worker, thought in thoughts:
        typer.echo(f"{worker}: {thought}")
    if why and not thoughts:
        typer.echo("No worker has jobs or replicas: there is nothing to decide.")


def _why_none(data: Path, services: Services) -> str:
    from pilotlight.cli import running

    found = running.read(data)
    if services.settings.mode == "local" and (found is None or not running.alive(found.pid)):
        return "Nor does `pilotlight up`: without it jobs wait."
    return "They start when a job needs them."


def _show_cold_starts(data: Path, *, as_json: bool) -> None:
    from pilotlight.cli import cold_starts, operator, tables

    with operator.opened(data) as services:
        starts = services.controller.cold_starts(services.clock.now())
    if as_json:
        tables.show_json(cold_starts.as_json(starts))
    elif rows := cold_starts.rows(starts):
        reach = f"{cold_starts.EDGES_S[0]:g} s ... {cold_starts.EDGES_S[-1]:g} s"
        tables.show(("WORKER", "STAGE", "STARTS", "P50", "P95", reach), rows)
    else:
        tables.nothing("No replica has become ready yet.")


def _row(replica: Replica, now: float) -> tuple[str, ...]:
    from pilotlight.cli.tables import ago

    reached = {"loading": replica.loading_at, "ready": replica.ready_at}
    since = reached.get(replica.stage) or replica.asked_at
    active = ago(replica.active_at or None, now)
    pid = "" if replica.pid is None else str(replica.pid)
    return replica.id, replica.worker, _stage(replica), ago(since, now), active, pid


def _stage(replica: Replica) -> str:
    """With what it loads, or, of a pooled host, whose models it holds."""
    if replica.stage in ("loading", "ready") and replica.step not in (None, "ready"):
        return f"{replica.stage}: {replica.step}"
    return replica.stage


def _paused(services: Services) -> dict[str, float | None]:
    """Workers, and since when, where that is known."""
    said = services.overrules.read() if services.overrules is not None else {}
    return {worker: one.since for worker, one in said.items() if one.paused}


def _held(paused: Mapping[str, float | None], now: float) -> Iterator[str]:
    from pilotlight.cli.tables import ago

    for worker, since in paused.items():
        when = "" if since is None else f" {ago(since, now)}"
        yield f"{worker} was paused{when}: its jobs wait for `pilotlight resume {worker}`."


def _failed(replicas: Sequence[Replica], now: float, logs: Path) -> list[str]:
    """A line for each worker whose last replica did not start: how often in a row, when, why."""
    from pilotlight.cli.tables import ago

    in_a_row: dict[str, list[Replica]] = {}
    for replica in sorted(replicas, key=lambda one: one.asked_at):
        if replica.stage == "failed":
            in_a_row.setdefault(replica.worker, []).append(replica)
        elif replica.ready_at is not None:
            in_a_row.pop(replica.worker, None)
    said = []
    for worker, starts in in_a_row.items():
        last, count = starts[-1], len(starts)
        times = f"{count} times, the last " if count > 1 else ""
        said.append(f"{worker} did not start {times}{ago(last.ended_at, now)}: {last.error}")
        if (log := logs / f"{last.id}.log").is_file():
            said.append(f"  its log: {log}")
    return said


def _thoughts(services: Services) -> list[tuple[str, str]]:
    """Per worker, what the next look of the scaler would do and its reason."""
    now = services.clock.now()
    decisions = services.controller.explain(now)
    return [(name, _thought(decision, now)) for name, decision in decisions.items()]


def _thought(decision: Decision, now: float) -> str:
    said = [decision.reason]
    if decision.start:
        said.append(f"will start {decision.start}")
    if decision.retire:
        said.append(f"will let {', '.join(decision.retire)} go")
    if decision.drain:
        said.append(f"will let {', '.join(decision.drain)} go after the jobs in hand")
    if decision.look_at is not None:
        said.append(f"may change its mind in {max(0.0, decision.look_at - now):.0f} s")
    return "; ".join(said)
