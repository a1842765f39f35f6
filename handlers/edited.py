"""Say in the terminal of ``pilotlight up`` that a worker file was changed since it started.

The contracts that callers meet were read at the start, and a replica that runs keeps its code:
whoever edits a file should not have to find that out.
"""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Iterable
from typing import Final

from handlers.upkeep import Chore
from pilotlight.observability.logs import event

EVERY_S: Final = 2.0
"""A look is one listing of each package's folder: 0.25 ms for ours and the starters."""
ADVICE: Final = "Ctrl-C and `pilotlight up` again, to have it"


def edits(packages: Iterable[str]) -> Chore:
    """Tells of every change once. The packages are imported already."""
    folders = [place for name in packages for place in importlib.import_module(name).__path__]
    known = _files(folders)

    def work(_now: float) -> None:
        nonlocal known
        found = _files(folders)
        for path in sorted({path for path, _ in known.items() ^ found.items()}):
            how = "new" if path not in known else "edited" if path in found else "gone"
            event(f"worker.{how}", level=logging.WARNING, file=path, advice=ADVICE)
        known = found

    return Chore("edits", EVERY_S, work, first_s=EVERY_S)


def _files(folders: Iterable[str]) -> dict[str, int]:
    """Worker files with when each was written, in nanoseconds."""
    found: dict[str, int] = {}
    for folder in folders:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(".py") and not entry.name.startswith("."):
                    found[entry.path] = entry.stat().st_mtime_ns
    return found
