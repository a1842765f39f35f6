"""``pilotlight warm``: replicas kept ready until a time, because you know better."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import typer

from pilotlight.cli.options import DATA, Data
from pilotlight.errors import NotFound, SettingsError

_LENGTH: Final = re.compile(r"(\d+(?:\.\d+)?)(s|min|m|h|d)")
_UNITS: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_CLOCK: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


def warm(
    worker: Annotated[str, typer.Argument(help="As `pilotlight fleet` and the worker file say.")],
    *,
    until: Annotated[
        str, typer.Option(help="A length (90min, 2h), a time of day in UTC (18:00), or off.")
    ],
    replicas: Annotated[int, typer.Option(min=1, help="How many.")] = 1,
    data: Data = DATA,
) -> None:
    """Keep replicas of a worker ready until then, whatever the policy says.

    $ pilotlight warm shapes --until 2h

    Budget and maximum of the worker still hold. `off` takes it back.
    """
    from pilotlight.cli import operator
    from pilotlight.ports.learned import Warmth

    with operator.found(data) as services:
        specs = [spec for _, spec in services.catalogue.endpoints.values()]
        if not any(worker in (spec.name, spec.pool) for spec in specs):
            raise NotFound(f"there is no worker {worker!r} here")
        if services.learned is None:
            raise SettingsError("this deployment cannot remember what is to be kept warm")
        now = services.clock.now()
        ends_at = moment(until, now)
        worker = services.control.fleet_of(worker)  # a pooled worker is warm when its hosts are
        services.learned.warm(worker, Warmth(replicas, ends_at))
    if ends_at <= now:
        typer.echo(f"{worker} is left to its policy.")
        return
    at = datetime.fromtimestamp(ends_at, UTC)
    noun = "replica" if replicas == 1 else "replicas"
    typer.echo(f"{replicas} {noun} of {worker} until {at:%Y-%m-%d %H:%M} UTC.")


def moment(text: str, now: float) -> float:
    """Seconds since the epoch; a time of day is the next one. Raises SettingsError."""
    if text == "off":
        return now
    if found := _LENGTH.fullmatch(text):
        return now + float(found[1]) * _UNITS[found[2]]
    if found := _CLOCK.fullmatch(text):
        today = datetime.fromtimestamp(now, UTC)
        then = today.replace(hour=int(found[1]), minute=int(found[2]), second=0, microsecond=0)
        return (then if then > today else then + timedelta(days=1)).timestamp()
    raise SettingsError(f"{text!r} is no time: write 90min, 2h, 18:00 or off")
