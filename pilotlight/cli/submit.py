"""``pilotlight submit``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from pilotlight.cli.options import DATA, Data, JsonFile, Key, Url, api
from pilotlight.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pilotlight.cli.values import InputSchema


def submit(
    endpoint: Annotated[str, typer.Argument(help="Such as pilotlight/shapes.")],
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=VALUE",
            help="The input. Each value is read as the endpoint's schema wants it; "
            "a key given twice makes a list.",
        ),
    ] = None,
    *,
    json_file: JsonFile = None,
    files: Annotated[
        list[str] | None,
        typer.Option("--file", metavar="KEY=PATH", help="Upload a file and pass its URL."),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Follow it to its end, then save its files.")
    ] = False,
    save: Annotated[
        Path | None,
        typer.Option("--save", metavar="DIR", help="Where to save files; means --watch."),
    ] = None,
    webhook: Annotated[
        str | None, typer.Option(metavar="URL", help="Posted to, signed, when the job ends.")
    ] = None,
    priority: Annotated[
        Literal["normal", "low"], typer.Option(help="low goes behind every normal job.")
    ] = "normal",
    start_timeout: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Give the job up if it has not started by then."),
    ] = None,
    url: Url = None,
    key: Key = None,
    data: Data = DATA,
) -> None:
    """Send a job to an endpoint.

    Prints the id of the job, alone on standard output, for scripts to keep.
    With --watch it follows the job, saves the files of its result and prints
    their names; a result without files is printed as JSON.

    $ pilotlight submit pilotlight/shapes prompt="a small red star" --watch
    $ id=$(pilotlight submit pilotlight/echo text=hello)
    $ pilotlight submit acme/upscale --file image_url=photo.png scale=2 -w

    Ends with 1 when a watched job did not succeed.
    """
    from pilotlight import settings
    from pilotlight.cli.schemas import input_schema

    server = api(url, key, data)
    schema = input_schema(settings.load(data=data), endpoint)
    body = schema.collect(words or (), read_json(json_file))
    for field, paths in files_by_field(schema, files or ()).items():
        body[field] = schema.one_or_many(field, [server.upload(path) for path in paths])
    try:
        job_id = server.submit(
            endpoint,
            body,
            webhook=webhook,
            low_priority=priority == "low",
            start_timeout_s=start_timeout,
        )
    except NotFound as error:
        if schema.root is None:
            raise
        raise NotFound(
            f"{error}, but a worker file here does: start `pilotlight up` again to have it"
        ) from None
    if watch or save is not None:
        from pilotlight.cli.watching import watch_and_save

        watch_and_save(server, job_id, endpoint, save or Path())
        return
    typer.echo(job_id)
    if sys.stdout.isatty():
        typer.secho(f"wait for it: pilotlight result --wait {job_id}", dim=True, err=True)


def read_json(name: str | None) -> dict[str, Any]:
    """What ``--json`` names; nothing without it. Raises InvalidInput."""
    if name is None:
        return {}
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text()
        base = json.loads(text)
    except OSError as error:
        raise InvalidInput(f"cannot read {name}: {error.strerror}") from None
    except ValueError as error:
        raise InvalidInput(f"{name} is not JSON: {error}") from None
    if not isinstance(base, dict):
        raise InvalidInput(f"{name} holds no JSON object")
    return base


def files_by_field(schema: InputSchema, words: Iterable[str]) -> dict[str, list[Path]]:
    """What ``--file`` names, all of it there. Raises InvalidInput."""
    paths: dict[str, list[Path]] = {}
    for word in words:
        key, equals, name = word.partition("=")
        if not equals or not Path(name).is_file():
            raise InvalidInput(f"--file takes KEY=PATH of a file that is there, not {word!r}")
        schema.field(key)
        paths.setdefault(key, []).append(Path(name))
    return paths
