"""A trace: when each job came, for which worker, and how long it ran."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from pilotlight.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

COLUMNS: Final = ("arrival_s", "worker", "service_s")


@dataclass(frozen=True, slots=True)
class Arrival:
    at: float
    """Seconds since whatever the trace counts from."""
    worker: str
    service_s: float


def ordered(arrivals: Iterable[Arrival]) -> list[Arrival]:
    return sorted(arrivals, key=attrgetter("at"))


def read(path: Path) -> list[Arrival]:
    """In order of time. Raises SettingsError for a file that is no such trace."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.DictReader(file)
            missing = set(COLUMNS) - set(rows.fieldnames or ())
            if missing:
                raise SettingsError(f"{path} has no column {', '.join(sorted(missing))}")
            return ordered(_arrival(row, path, rows.line_num) for row in rows)
    except (OSError, UnicodeDecodeError) as problem:
        raise SettingsError(f"{path} cannot be read: {problem}") from None


def _arrival(row: dict[str, str], path: Path, line: int) -> Arrival:
    try:
        at, service_s = float(row["arrival_s"]), float(row["service_s"])
    except (TypeError, ValueError):
        at = service_s = math.nan
    if 0 <= at < math.inf and 0 <= service_s < math.inf and row["worker"]:
        return Arrival(at, row["worker"], service_s)
    raise SettingsError(
        f"{path}, line {line}: arrival_s and service_s are seconds, worker is a name"
    )


def split(arrivals: Sequence[Arrival], share: float) -> float:
    """The moment before which this share of the trace's time has passed."""
    if not arrivals:
        return 0.0
    first, last = arrivals[0].at, arrivals[-1].at
    return first + share * (last - first)
