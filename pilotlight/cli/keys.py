"""``pilotlight keys create | list | rotate | revoke``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pilotlight.cli.lengths import length_of
from pilotlight.cli.options import DATA, AsJson, Data
from pilotlight.errors import NotFound

if TYPE_CHECKING:
    from pilotlight.ports.keys import KeyRecord

NEVER: Final = "never"
DEFAULT_LIFE: Final = "90d"
"""As long as a key should live that nobody thought about."""
_SHOWN: Final = (
    "id", "caller", "name", "scopes", "requests_per_s", "burst", "queued_jobs",
    "created_at", "expires_at", "revoked_at", "last_used_at",
)  # fmt: skip

commands = typer.Typer(no_args_is_help=True, help="Make, list, rotate and revoke API keys.")

Expires = Annotated[
    str, typer.Option(metavar="LENGTH", help="How long it is good: 90d, 6h, or never.")
]
KeyId = Annotated[str, typer.Argument(metavar="ID", help="As `keys list` shows it.")]


@commands.command()
def create(
    *,
    caller: Annotated[
        str, typer.Option(help="Who it is for: jobs and files belong to the caller.")
    ],
    name: Annotated[str, typer.Option(help="To tell the caller's keys apart.")] = "",
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help="What it may do; may be given again. Of jobs:write, jobs:read, jobs:cancel and "
            "keys:manage; else the three for jobs."
        ),
    ] = None,
    expires: Expires = DEFAULT_LIFE,
    rate: Annotated[
        float | None,
        typer.Option(
            min=0.01, help="Requests a second that its caller may make; else the settings'."
        ),
    ] = None,
    burst: Annotated[int | None, typer.Option(min=1, help="As many at once.")] = None,
    queued: Annotated[
        int | None, typer.Option(min=1, help="Jobs of its caller that may wait.")
    ] = None,
    data: Data = DATA,
) -> None:
    """Make a key and print it, this once: only a hash of it is kept.

    $ export FAL_KEY=$(pilotlight keys create --caller alice --name laptop)
    $ pilotlight keys create --caller board --scope jobs:read --expires never

    Quotas are the caller's: of two keys that differ, the one used last says.
    """
    from pilotlight.cli import operator
    from pilotlight.intake.keys import mint
    from pilotlight.intake.scopes import USUAL

    with operator.opened(data) as services:
        now = services.clock.now()
        text, record = mint(
            pepper=services.pepper,
            caller=caller,
            name=name,
            now=now,
            expires_at=_end(expires, now),
            scopes=scope or USUAL,
        )
        record = replace(record, requests_per_s=rate, burst=burst, queued_jobs=queued)
        services.keys.add(record)
    _tell(text, record, now)


@commands.command()
def rotate(
    key_id: KeyId,
    *,
    overlap: Annotated[
        str, typer.Option(metavar="LENGTH", help="How long the old key stays good.")
    ] = "24h",
    expires: Expires = DEFAULT_LIFE,
    data: Data = DATA,
) -> None:
    """Make a new key like an old one and let the old one end soon.

    $ pilotlight keys rotate 4fT0aZ9q --overlap 24h

    Ends with 4 when no live key has that id.
    """
    from pilotlight.cli import operator
    from pilotlight.intake import keyring

    if not operator.is_there(data):
        raise _no_such_key(key_id)
    with operator.opened(data) as services:
        now = services.clock.now()
        old = services.keys.find(key_id)
        if old is None or not keyring.is_live(old, now):
            raise _no_such_key(key_id)
        text, record = keyring.successor(
            old, pepper=services.pepper, now=now, expires_at=_end(expires, now)
        )
        services.keys.add(record)
        services.keys.end(key_id, at=now + length_of(overlap, "--overlap"))
    _tell(text, record, now)


@commands.command("list")
def list_keys(*, as_json: AsJson = False, data: Data = DATA) -> None:
    """List the keys, newest first; never the keys themselves.

    $ pilotlight keys list
    """
    from pilotlight.cli import operator, tables
    from pilotlight.intake.scopes import SCOPES, read

    records: list[KeyRecord] = []
    now = 0.0
    if operator.is_there(data):
        with operator.opened(data) as services:
            records, now = services.keys.list_keys(), services.clock.now()
    if as_json:
        tables.show_json([{name: getattr(one, name) for name in _SHOWN} for one in records])
    elif not records:
        tables.nothing("No keys yet. Make one with `pilotlight keys create --caller NAME`.")
    else:
        tables.show(
            ("ID", "CALLER", "NAME", "MAY", "MADE", "LAST USED", "STATE"),
            [
                (
                    record.id,
                    record.caller,
                    record.name or "-",
                    " ".join(one for one in SCOPES if one in read(record.scopes)) or "nothing",
                    tables.ago(record.created_at, now),
                    tables.ago(record.last_used_at, now),
                    _state(record, now),
                )
                for record in records
            ],
        )


@commands.command()
def revoke(key_id: KeyId, *, data: Data = DATA) -> None:
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
        raise _no_such_key(key_id)
    typer.secho(f"{key_id} is revoked", err=True)


def _end(expires: str, now: float) -> float | None:
    return None if expires == NEVER else now + length_of(expires, "--expires")


def _tell(text: str, record: KeyRecord, now: float) -> None:
    typer.echo(text)
    typer.secho(f"{record.id} is the id to revoke it by; {_state(record, now)}", dim=True, err=True)


def _no_such_key(key_id: str) -> NotFound:
    return NotFound(f"no live key has the id {key_id}; see `pilotlight keys list`")


def _state(record: KeyRecord, now: float) -> str:
    if record.revoked_at is not None:
        return "revoked"
    if record.expires_at is None:
        return "live"
    from pilotlight.cli.tables import length

    left = record.expires_at - now
    return f"live for {length(left)}" if left > 0 else "expired"
