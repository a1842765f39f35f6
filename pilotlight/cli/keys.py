"""``pilotlight keys create | list | revoke``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from pilotlight.cli.options import DATA, AsJson, Data
from pilotlight.errors import NotFound

if TYPE_CHECKING:
    from pilotlight.ports.keys import KeyRecord

_DAY_S: Final = 86400.0

commands = typer.Typer(no_args_is_help=True, help="Make, list and revoke API keys.")


@commands.command()
def create(
    *,
    caller: Annotated[
        str, typer.Option(help="Who it is for: jobs and files belong to the caller.")
    ],
    name: Annotated[str, typer.Option(help="To tell the caller's keys apart.")] = "",
    days: Annotated[
        float | None, typer.Option(min=0.0, help="How long it is good; else until revoked.")
    ] = None,
    data: Data = DATA,
) -> None:
    """Make a key and print it, this once: only a hash of it is kept.

    $ export FAL_KEY=$(pilotlight keys create --caller alice --name laptop)
    """
    from pilotlight.cli import operator
    from pilotlight.intake.keys import mint

    with operator.opened(data) as services:
        now = services.clock.now()
        text, record = mint(
            pepper=services.pepper,
            caller=caller,
            name=name,
            now=now,
            expires_at=None if days is None else now + days * _DAY_S,
        )
        services.keys.add(record)
    typer.echo(text)
    typer.secho(f"{record.id} is the id to revoke it by", dim=True, err=True)


@commands.command("list")
def list_keys(*, as_json: AsJson = False, data: Data = DATA) -> None:
    """List the keys, newest first; never the keys themselves.

    $ pilotlight keys list
    """
    from pilotlight.cli import operator, tables

    records: list[KeyRecord] = []
    now = 0.0
    if operator.is_there(data):
        with operator.opened(data) as services:
            records, now = services.keys.list_keys(), services.clock.now()
    if as_json:
        tables.show_json([_public(record) for record in records])
    elif not records:
        tables.nothing("No keys yet. Make one with `pilotlight keys create --caller NAME`.")
    else:
        tables.show(
            ("ID", "CALLER", "NAME", "MADE", "LAST USED", "STATE"),
            [
                (
                    record.id,
                    record.caller,
                    record.name or "-",
                    tables.ago(record.created_at, now),
                    tables.ago(record.last_used_at, now),
                    _state(record, now),
                )
                for record in records
            ],
        )


@commands.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="As `keys list` shows it.")],
    *,
    data: Data = DATA,
) -> None:
    """Make a key useless, for every ingress within 30 seconds.

    $ pilotlight keys revoke 4fT0aZ9q

    Ends with 4 when no live key has that id.
    """
    from pilotlight.cli import operator

    revoked = False
    if operator.is_there(data):
        with operator.opened(data) as services:
            revoked = services.keys.revoke(key_id, now=services.clock.now())
    if not revoked:
        raise NotFound(f"no live key has the id {key_id}; see `pilotlight keys list`")
    typer.secho(f"{key_id} is revoked", err=True)


def _state(record: KeyRecord, now: float) -> str:
    if record.revoked_at is not None:
        return "revoked"
    if record.expires_at is None:
        return "live"
    from pilotlight.cli.tables import length

    left = record.expires_at - now
    return f"live for {length(left)}" if left > 0 else "expired"


def _public(record: KeyRecord) -> dict[str, object]:
    return {
        name: getattr(record, name)
        for name in (
            "id", "caller", "name", "created_at", "expires_at", "revoked_at", "last_used_at",
        )
    }  # fmt: skip
