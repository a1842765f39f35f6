"""Lists on the terminal, and lengths of time in words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import typer

from pilotlight.observability.terminal import harmless

if TYPE_CHECKING:
    from collections.abc import Sequence

_UNITS: Final = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_WIDEST: Final = 1000
"""Where nobody looks, lines are as long as they are: a cut id is of no use to a program."""


_LEAST: Final = 12
"""Columns of a terminal that the first one leaves to the others."""


def show(
    titles: Sequence[str], rows: Sequence[Sequence[str]], *, spare: Sequence[str] = ()
) -> None:
    """Columns without lines; what does not fit a terminal is wrapped, never cut.

    Columns named in ``spare`` are left out first, in their order, until the rest fits.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDEST
    titles, rows = fitting(titles, rows, spare=spare, width=console.width)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    whole = max(len(row[0]) for row in (titles, *rows)) <= console.width - _LEAST
    for place, title in enumerate(titles):
        # What is first is what is copied: an id in two pieces is none.
        table.add_column(title, overflow="fold", no_wrap=whole and place == 0)
    for row in rows:
        table.add_row(*(Text(harmless(cell)) for cell in row))
    console.print(table)


def fitting(
    titles: Sequence[str], rows: Sequence[Sequence[str]], *, spare: Sequence[str], width: int
) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
    """The table with as few of its spare columns left out as ``width`` characters allow."""
    for title in spare:
        columns = zip(titles, *rows, strict=True)
        if sum(max(map(len, cells)) + 2 for cells in columns) <= width:
            break
        place = list(titles).index(title)
        titles = [*titles[:place], *titles[place + 1 :]]
        rows = [[*row[:place], *row[place + 1 :]] for row in rows]
    return titles, rows


def show_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def nothing(words: str) -> None:
    """An empty list is said on standard error: a program reads no rows."""
    typer.secho(words, dim=True, err=True)


def length(seconds: float) -> str:
    """``47 s``, ``12 min``, ``3 h``: the largest unit that fits, rounded down."""
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return "0 s"


def counted(number: int, word: str) -> str:
    """``1 file``, ``2 files``."""
    return f"{number} {word}{'' if number == 1 else 's'}"


def moment(text: str) -> str:
    """``2026-11-20 17:53:26`` of what an API says, whatever it says of smaller parts."""
    return text[:19].replace("T", " ")


def ago(at: float | None, now: float) -> str:
    return "never" if at is None else f"{length(max(0.0, now - at))} ago"
