"""The command line: ``pilotlight up`` starts everything, the rest talks to it.

Command modules import what they need when they run: ``up`` and ``--help`` must not wait for
what another command draws with.
"""

from __future__ import annotations

from typing import Annotated

import typer
from typer.core import TyperGroup

from pilotlight.cli import (
    agents,
    audit,
    costs,
    doctor,
    drop,
    endpoints,
    exits,
    jobs,
    keys,
    listing,
    operate,
    pause,
    simulate,
    submit,
    trying,
    tune,
    up,
    warm,
    webhooks,
)
from pilotlight.errors import PilotlightError
from pilotlight.observability.terminal import plain
from pilotlight.settings import BadSettings

EXITS = """\
Exit codes:
  0 done   1 the job did not succeed   3 nothing answers   5 not finished yet
  2 the command, the input or the key is wrong   4 no such thing   130 Ctrl-C"""


class _Commands(TyperGroup):
    """Says errors of ours in a sentence, and ends with the code that stands for them."""

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]
        if plain():
            ctx.color = False
        try:
            return super().invoke(ctx)
        except (PilotlightError, BadSettings) as error:
            head = typer.style("pilotlight:", fg=typer.colors.RED)
            typer.echo(f"{head} {error}", err=True)
            code = exits.of(error) if isinstance(error, PilotlightError) else exits.Exit.USAGE
            raise typer.Exit(code) from None


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog=EXITS,
    context_settings={"help_option_names": ["--help", "-h"]},
    help="Your own GPU workers behind the fal and OpenAI clients, unchanged.",
)


def _version(asked: bool) -> None:  # noqa: FBT001 - typer calls it so
    if not asked:
        return
    from importlib.metadata import version

    from pilotlight.adapters.local.schema import VERSION

    typer.echo(f"pilotlight {version('pilotlight')}, data folders of schema {VERSION}")
    raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Say which, and end."),
    ] = False,
) -> None:
    """What comes before a command."""


app.command()(up.up)
app.command()(submit.submit)
app.command()(jobs.status)
app.command()(jobs.logs)
app.command()(jobs.cancel)
app.command()(jobs.result)
app.command()(jobs.retry)
app.command("try")(trying.attempt)
app.command(rich_help_panel="Operate")(endpoints.endpoints)
app.command(rich_help_panel="Operate")(listing.jobs)
app.command(rich_help_panel="Operate")(operate.fleet)
app.command(rich_help_panel="Operate")(drop.drop)
app.command(rich_help_panel="Operate")(warm.warm)
app.command(rich_help_panel="Operate")(pause.pause)
app.command(rich_help_panel="Operate")(pause.resume)
app.command(rich_help_panel="Operate")(simulate.simulate)
app.command(rich_help_panel="Operate")(tune.tune)
app.command(rich_help_panel="Operate")(costs.costs)
app.command(rich_help_panel="Operate")(audit.audit)
app.command(rich_help_panel="Operate")(doctor.doctor)
app.add_typer(agents.commands, name="agents")
app.add_typer(keys.commands, name="keys", rich_help_panel="Operate")
app.add_typer(webhooks.commands, name="webhooks", rich_help_panel="Operate")


def main() -> None:
    """The ``pilotlight`` command."""
    app()
