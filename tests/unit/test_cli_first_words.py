"""What the command says of itself before any command of its."""

from __future__ import annotations

from importlib.metadata import version

import pytest
from typer.testing import CliRunner

from pilotlight.adapters.local.schema import VERSION
from pilotlight.cli import app


def test_which_release_it_is_and_which_data_folders_it_reads():
    done = CliRunner().invoke(app, ["--version"])

    assert done.exit_code == 0
    assert done.stdout == f"pilotlight {version('pilotlight')}, data folders of schema {VERSION}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_can_complete_its_commands(shell):
    done = CliRunner().invoke(
        app, prog_name="pilotlight", env={"_PILOTLIGHT_COMPLETE": f"source_{shell}"}
    )

    assert done.exit_code == 0
    assert "_PILOTLIGHT_COMPLETE" in done.stdout
    done = CliRunner().invoke(
        app,
        prog_name="pilotlight",
        env={
            "_PILOTLIGHT_COMPLETE": f"complete_{shell}",
            "COMP_WORDS": "pilotlight pau",
            "COMP_CWORD": "1",
            "_TYPER_COMPLETE_ARGS": "pilotlight pau",
            "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        },
    )
    assert "pause" in done.stdout
