"""``python -m demo [PROMPT]``: exit code 0 when every step worked, 1 when one did not."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.table import Table

from demo.failure import StepFailed
from demo.house import house
from demo.receiver import receiver
from demo.story import Story
from pilotlight.adapters.local.clock import SystemClock
from pilotlight.errors import PilotlightError

if TYPE_CHECKING:
    from collections.abc import Mapping

PROMPT: Final = "a small red star on a blue background"


def main(prompt: str) -> int:
    console = Console(highlight=False)
    console.print("\n[bold]Pilotlight:[/] one job, from zero to zero\n")
    data = Path(tempfile.mkdtemp(prefix="pilotlight-demo-"))
    began = SystemClock().monotonic()
    try:
        timings = tell(console, data, prompt)
    except (StepFailed, PilotlightError) as error:
        console.print(f"  [red]✗[/] {error}")
        console.print(f"\n  Everything it left is in {data}; the log is up.log there.")
        return 1
    except KeyboardInterrupt:
        console.print("\n  Stopped; nothing is left running.")
        shutil.rmtree(data, ignore_errors=True)
        return 130
    shutil.rmtree(data)
    console.print()
    console.print(table({**timings, "all of it": SystemClock().monotonic() - began}))
    return 0


def tell(console: Console, data: Path, prompt: str) -> Mapping[str, float]:
    """The story, and the end of it; seconds by step. Raises StepFailed, PilotlightError."""
    clock = SystemClock()
    with receiver() as listening, house(data) as running:
        story = Story(console, running, listening)
        story.tell(prompt)
        asked = clock.monotonic()
        code = running.stop()
        if code:
            raise StepFailed(f"pilotlight up ended with {code}; see {running.log}")
        story.timings["stop everything"] = clock.monotonic() - asked
    return story.timings


def table(timings: Mapping[str, float]) -> Table:
    drawn = Table(box=None, padding=(0, 1), show_header=False)
    drawn.add_column()
    drawn.add_column(justify="right", style="cyan")
    for step, seconds in timings.items():
        drawn.add_row(f" {step}", f"{seconds:.2f} s")
    return drawn


if __name__ == "__main__":
    # Whoever ends the demo politely ends what it started, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main(" ".join(sys.argv[1:]) or PROMPT))
