"""``pilotlight agents``: check a graph of jobs, run it, watch it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pilotlight.cli.options import DATA, AsJson, Data, Key, Url, api
from pilotlight.errors import InvalidInput, SettingsError

if TYPE_CHECKING:
    from pilotlight.contracts.agent import Definition

commands = typer.Typer(no_args_is_help=True, help="Graphs of jobs: check, run and watch them.")

File = Annotated[Path, typer.Argument(help="JSON with nodes; - reads standard input.")]
Words = Annotated[
    list[str] | None,
    typer.Argument(metavar="KEY=VALUE", help="The run's input; a value that is JSON is read so."),
]
InputFile = Annotated[
    str | None, typer.Option("--input", metavar="FILE", help="The run's input as JSON.")
]


@commands.command()
def validate(
    file: File,
    words: Words = None,
    *,
    input_file: InputFile = None,
    as_json: AsJson = False,
    data: Data = DATA,
) -> None:
    """Hold an agent to the contracts of what it calls, and draw it. Nothing runs.

    $ pilotlight agents validate storyboard.json
    $ pilotlight agents validate storyboard.json topic=ships

    With an input, that is checked too. Ends with 2 when something is wrong; every node and field
    that is wrong is named.
    """
    from pilotlight import settings
    from pilotlight.cli import graph_screen, tables
    from pilotlight.cli.schemas import as_it_runs, local_catalogue
    from pilotlight.intake.groups.agents.check import checked

    definition = _definition(_read(file))
    found = local_catalogue(as_it_runs(settings.load(data=data)))
    if found is None:
        raise SettingsError(
            "there is no folder `workers` here; run this where your worker files are"
        )
    given = _input(words, input_file)
    try:
        steps = checked(definition, found, *([] if given is None else [given]))
    except InvalidInput as error:
        for problem in error.problems[1:]:
            typer.echo("  " + _place(problem.loc) + ": " + problem.message, err=True)
        raise
    nodes = [
        {
            "id": step.node.id,
            "endpoint": step.endpoint,
            "needs": list(step.node.upstream),
            "map": step.node.map is not None,
        }
        for step in steps
    ]
    if as_json:
        tables.show_json(nodes)
    else:
        graph_screen.show(nodes)


@commands.command()
def run(
    agent: Annotated[str, typer.Argument(help="A file with nodes, or the id of a kept agent.")],
    words: Words = None,
    *,
    input_file: InputFile = None,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Draw it until its end, then save its files.")
    ] = False,
    save: Annotated[
        Path | None, typer.Option("--save", metavar="DIR", help="Where; means --watch.")
    ] = None,
    webhook: Annotated[
        str | None, typer.Option(metavar="URL", help="Posted to, signed, when the run ends.")
    ] = None,
    url: Url = None,
    key: Key = None,
    data: Data = DATA,
) -> None:
    """Start a run. Prints its id, alone on standard output.

    $ pilotlight agents run storyboard.json topic=ships --watch
    $ id=$(pilotlight agents run storyboard.json topic=ships)

    Ends with 1 when a watched run did not succeed.
    """
    from pilotlight.cli.agents_client import AgentApi

    server = AgentApi(api(url, key, data))
    wish: dict[str, Any] = {"input": _input(words, input_file) or {}}
    if webhook is not None:
        wish["webhook"] = webhook
    if agent == "-" or Path(agent).is_file():
        run_id = server.start(_read(Path(agent)) | wish)
    else:
        run_id = server.start(wish, agent_id=agent)
    if watch or save is not None:
        _watch(server, run_id, save or Path())
        return
    typer.echo(run_id)
    if sys.stdout.isatty():
        typer.secho(f"watch it: pilotlight agents watch {run_id}", dim=True, err=True)


@commands.command(name="watch")
def watch_run(
    run_id: Annotated[str, typer.Argument(metavar="ID", help="What `run` printed.")],
    *,
    save: Annotated[Path, typer.Option("--save", metavar="DIR", help="Where files go.")] = Path(),
    url: Url = None,
    key: Key = None,
    data: Data = DATA,
) -> None:
    """Draw a run until it is over, then save its files.

    $ pilotlight agents watch 01983f60-...

    Ends with 1 when the run did not succeed.
    """
    from pilotlight.cli.agents_client import AgentApi

    _watch(AgentApi(api(url, key, data)), run_id, save)


@commands.command()
def keep(
    file: File,
    *,
    name: Annotated[str, typer.Option(help="What to call it.")] = "",
    agent_id: Annotated[
        str | None, typer.Option("--as", metavar="ID", help="Make it the next version of this one.")
    ] = None,
    url: Url = None,
    key: Key = None,
    data: Data = DATA,
) -> None:
    """Keep an agent at the ingress. Prints its id, alone on standard output.

    $ id=$(pilotlight agents keep storyboard.json --name storyboard)
    $ pilotlight agents run $id topic=ships -w
    """
    from pilotlight.cli.agents_client import AgentApi

    kept = AgentApi(api(url, key, data)).keep(_read(file) | {"name": name}, agent_id=agent_id)
    typer.echo(kept["id"])
    typer.secho(f"version {kept['version']}", dim=True, err=True)


def _watch(server: Any, run_id: str, folder: Path) -> None:
    from pilotlight.adapters.local.clock import SystemClock
    from pilotlight.cli import graph_screen, saving, watching
    from pilotlight.cli.agents_client import follow, succeeded
    from pilotlight.cli.exits import Exit

    try:
        last = graph_screen.watch(follow(server, run_id, clock=SystemClock()))
    except KeyboardInterrupt:
        typer.echo(
            f"\nYou stopped watching; the run goes on.\n  go on:  pilotlight agents watch {run_id}\n"
            f"  end it: pilotlight cancel {run_id}",
            err=True,
        )
        raise typer.Exit(Exit.INTERRUPTED) from None
    output = succeeded(last)["output"]
    stem = saving.stem_of("run", run_id)
    watching.show(output, saving.save(server.api, output, folder, stem))


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(sys.stdin.read() if str(file) == "-" else file.read_text())
    except OSError as error:
        raise InvalidInput(f"cannot read {file}: {error.strerror}") from None
    except ValueError as error:
        raise InvalidInput(f"{file} is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise InvalidInput(f'{file} holds no object such as {{"nodes": [...]}}')
    return found


def _definition(document: dict[str, Any]) -> Definition:
    from pydantic import ValidationError

    from pilotlight.contracts.agent import Definition
    from pilotlight.intake.validation import refused

    try:
        return Definition.model_validate(document)
    except ValidationError as error:
        raise refused(error) from None


def _place(loc: tuple[str | int, ...]) -> str:
    return ".".join(str(part) for part in loc[1:])


def _input(words: list[str] | None, name: str | None) -> dict[str, Any] | None:
    """None when none was given."""
    given = None if name is None else _read(Path(name))
    for word in words or ():
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise InvalidInput(f"an input is written KEY=VALUE, not {word!r}")
        given = (given or {}) | {key: _value(value)}
    return given


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
