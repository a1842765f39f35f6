"""A watched job on the terminal: a bar that moves, log lines above it.

Everything here goes to standard error; what a script may want goes to standard output.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.table import Column
from rich.text import Text

from pilotlight.cli.follow import Look, about, sentence
from pilotlight.observability.terminal import harmless

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Share(ProgressColumn):
    """Per cent of the run; before it, how long the cold start may still take."""

    def render(self, task: Task) -> Text:
        ready_at: float | None = task.fields["ready_at"]
        if ready_at is not None:
            return Text(about(ready_at - task.get_time()), style="cyan")
        return Text("" if task.total is None else f"{task.percentage:3.0f} %", style="cyan")


class _Seconds(ProgressColumn):
    """Since it is watched."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.elapsed or 0.0:.1f} s", style="dim")


def watch(looks: Iterator[Look], *, console: Console | None = None, margin: str = "") -> None:
    """Show every look until the last. ``margin`` stands before each line that stays."""
    console = console or Console(stderr=True, highlight=False)
    if not console.is_terminal:
        _say(looks, console, margin)
        return
    columns = (
        SpinnerColumn(finished_text="[green]✓"),
        # Not markup: a model's own words may have brackets.
        TextColumn(
            "{task.description}",
            table_column=Column(no_wrap=True, overflow="ellipsis"),
            markup=False,
        ),
        BarColumn(bar_width=24),
        _Share(),
        _Seconds(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("submitted", total=None, ready_at=None)
        for seen in looks:
            for line in seen.lines:
                shown = Text(margin + harmless(line), style="dim")
                progress.console.print(shown, soft_wrap=True)
            _move(progress, task, seen)


def _move(progress: Progress, task: object, seen: Look) -> None:
    now = progress.get_time()
    fraction = 1.0 if seen.over else seen.fraction
    progress.update(
        task,  # type: ignore[arg-type]  # rich's TaskID is a NewType of int
        description=harmless(seen.words),
        total=None if fraction is None else 1.0,
        completed=fraction or 0.0,
        ready_at=None if seen.eta_s is None else now + seen.eta_s,
    )


def _say(looks: Iterator[Look], console: Console, margin: str) -> None:
    """One line per change, for a log file or a pipe; progress alone is no change."""
    said = ""
    for seen in looks:
        for line in seen.lines:
            console.print(Text(margin + harmless(line)), soft_wrap=True)
        if seen.words != said and not seen.over:  # the end is said by whoever waits for it
            said = seen.words
            console.print(Text(margin + sentence(seen)), soft_wrap=True)
