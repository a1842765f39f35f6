"""How many jobs ended, for those who measure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Ended:
    succeeded: int = 0
    failed: int = 0
    """A cancelled job is neither."""


class Ends(Protocol):
    """Counts of one process, for one thread."""

    def fresh(self) -> Mapping[str, Ended]:
        """By worker, those that ended since the last call; a moment's delay is allowed."""
        ...
