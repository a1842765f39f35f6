"""``pilotlight try``: a worker file in this process, without a server, a queue or a data folder."""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

import pilotlight
from pilotlight.cli.options import JsonFile
from pilotlight.errors import NoWorkerFiles, PilotlightError, SettingsError, WorkerError

if TYPE_CHECKING:
    from types import TracebackType

    from pilotlight.catalogue import Catalogue, Served
    from pilotlight.contracts.events import Event

_OURS: Final = str(Path(pilotlight.__file__).parent)


def attempt(
    endpoint: Annotated[str, typer.Argument(help="As a worker file says: acme/shout.")],
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="The input, as `submit` takes it."),
    ] = None,
    *,
    json_file: JsonFile = None,
    files: Annotated[
        list[str] | None,
        typer.Option("--file", metavar="KEY=PATH", help="A file for a field of the input."),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option("--save", metavar="DIR", help="context.folder; else a temporary one."),
    ] = None,
    low_memory: Annotated[
        bool, typer.Option("--low-memory", help="As after an out-of-memory: context.low_memory.")
    ] = False,
) -> None:
    """Load a worker and run it once, here: no server, no queue.

    What it prints and logs goes to standard error, its output as JSON to
    standard output, with the paths of the files that it wrote.

    $ pilotlight try pilotlight/echo text=hello
    $ pilotlight try acme/sepia --file image_url=photo.png --save pictures

    Ends with 1 when the worker fails: its traceback begins at your line.
    """
    from pilotlight.cli.submit import files_by_field, read_json
    from pilotlight.cli.values import InputSchema
    from pilotlight.execution.file_urls import replace_files
    from pilotlight.testing import run_once

    found = _catalogue()
    served = _own(found, endpoint)
    schema = InputSchema(endpoint, served.own.input.model_json_schema())
    body = schema.collect(words or (), read_json(json_file))
    given: dict[str, Path] = {}
    for field, paths in files_by_field(schema, files or ()).items():
        urls = {
            f"https://file/{field}/{number}/{path.name}": path.resolve()
            for number, path in enumerate(paths)
        }
        body[field] = schema.one_or_many(field, list(urls))
        given |= urls
    folder = (save or Path(tempfile.mkdtemp(prefix="pilotlight-try-"))).resolve()
    with _in_the_authors_words(), contextlib.redirect_stdout(sys.stderr):
        output = run_once(
            found.workers[served.spec.name],
            body,
            folder=folder,
            endpoint=endpoint,
            files=given,
            low_memory=low_memory,
            hear=_Teller(),
        )
    told = json.loads(output.model_dump_json(by_alias=True))
    told = replace_files(told, folder=folder, replace=lambda path, _around: str(path))
    typer.echo(json.dumps(told, indent=2, ensure_ascii=False))


def _catalogue() -> Catalogue:
    from pilotlight import settings
    from pilotlight.cli.schemas import as_it_runs, local_catalogue

    asked = as_it_runs(settings.load())
    found = local_catalogue(asked)
    if found is None:
        raise NoWorkerFiles(
            f"there are no worker files here; run this in the folder that holds {asked.workers[0]}"
        )
    return found


def _own(found: Catalogue, endpoint: str) -> Served:
    served = found.endpoint(endpoint)
    if served.route is not None:
        raise SettingsError(f"{endpoint} is a route; try what is behind it: {served.own.id}")
    return served


@contextlib.contextmanager
def _in_the_authors_words() -> Any:
    """Our own errors as they are; others with the traceback from the author's line on."""
    try:
        yield
    except PilotlightError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a model raises
        lines = traceback.format_exception(type(error), error, _authors(error))
        typer.echo("".join(lines).rstrip(), err=True)
        raise WorkerError("the worker failed; its line is above") from None


def _authors(error: Exception) -> TracebackType | None:
    """The traceback without our own calls that led there."""
    left = error.__traceback__
    while left and left.tb_next and left.tb_frame.f_code.co_filename.startswith(_OURS):
        left = left.tb_next
    return left


class _Teller:
    """Log lines and each tenth of the way, on standard error."""

    def __init__(self) -> None:
        self._tenths = 0

    def __call__(self, event: Event) -> None:
        from pilotlight.contracts.events import Log, Progress

        if isinstance(event, Log):
            typer.echo(event.line, err=True)
        elif isinstance(event, Progress) and int(event.fraction * 10) > self._tenths:
            self._tenths = int(event.fraction * 10)
            typer.secho(f"{event.fraction:.0%} {event.note}".rstrip(), dim=True, err=True)
