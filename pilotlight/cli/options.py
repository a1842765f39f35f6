"""Options that several commands share, and what they lead to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pilotlight.cli import running
from pilotlight.cli.exits import Unreachable

if TYPE_CHECKING:
    from pilotlight.cli.client import Api

DATA = Path(".pilotlight")

Data = Annotated[
    Path,
    typer.Option(
        "--data",
        envvar="PILOTLIGHT_DATA",
        help="The folder that `pilotlight up` keeps its data in.",
    ),
]
Url = Annotated[
    str | None,
    typer.Option(
        "--url", envvar="PILOTLIGHT_URL", help="The ingress; else the one that runs on --data."
    ),
]
Key = Annotated[
    str | None,
    typer.Option("--key", envvar="PILOTLIGHT_KEY", help="Your key; else that of `up`."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
JsonFile = Annotated[
    str | None,
    typer.Option("--json", metavar="FILE", help="Input as JSON; - reads standard input."),
]
JobId = Annotated[
    str, typer.Argument(metavar="ID", help="What `submit` printed; `pilotlight jobs` lists them.")
]


def api(url: str | None, key: str | None, data: Path) -> Api:
    """The ingress that the options name, else the one that runs over the data folder.

    Raises Unreachable when nothing was started there.
    """
    from pilotlight.cli.client import Api

    found = running.read(data)
    if url is not None:
        own = found is not None and found.url == url.rstrip("/")
        return Api(url, key or (found.key if found and own else ""))
    if found is None:
        raise Unreachable(
            f"nothing runs on {data}; start it with `pilotlight up`, or say where with --url"
        )
    if not running.alive(found.pid):
        raise Unreachable(f"`pilotlight up` on {data} has ended; start it again")
    return Api(found.url, key or found.key)
