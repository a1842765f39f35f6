"""``pilotlight doctor``: whether this machine and these settings can do what is asked of them."""

from __future__ import annotations

import typer

from pilotlight.cli.exits import Exit
from pilotlight.cli.options import DATA, AsJson, Data


def doctor(*, as_json: AsJson = False, data: Data = DATA) -> None:
    """Check the settings and the machine, and say what to fix.

    $ pilotlight doctor
    $ pilotlight doctor --json | jq '.[] | select(.state != "ok")'
    $ PILOTLIGHT_STACK=/pilotlight/prod/settings pilotlight doctor

    Ends with 0 when it can work, with 1 when something is broken.
    """
    from pilotlight.cli import checkup, operator, tables
    from pilotlight.cli.schemas import see_this_folder

    see_this_folder()
    found = checkup.look(operator.checked(data))
    if as_json:
        tables.show_json([one._asdict() for one in found])
    else:
        marks = {"ok": "ok", "warning": "look", "broken": "BROKEN"}
        tables.show(("", "CHECK", ""), [(marks[one.state], one.check, one.said) for one in found])
        if all(one.state == "ok" for one in found):
            tables.nothing("There is nothing to fix.")
    if any(one.state == "broken" for one in found):
        raise typer.Exit(Exit.FAILED)
