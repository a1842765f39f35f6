"""How much templates may put in. A few words of a graph can ask for any number of copies of what is
long, and whoever looks at the graph has to make them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from pilotlight.contracts.templates import Missing

MOST_CHARS: Final = 16 * 1024 * 1024
"""Of one input, or of a run's output: as much as one output may be."""
MOST_READ: Final = 4 * MOST_CHARS
"""Of all outputs of a node with ``map``."""


class TooMuch(Missing):
    """It is there, and more than may be handed on."""

    code = "too_large"

    def __init__(self, what: str, most: int) -> None:
        super().__init__(f"{what} is more than {most} characters: hand on files instead")


@dataclass(slots=True)
class Room:
    """What else may be put in, in characters."""

    left: int = MOST_CHARS

    def take(self, value: Any) -> Any:
        """The value, if there is room for it. Raises TooMuch."""
        self.left -= _length(value)
        if self.left < 0:
            raise TooMuch("what is put in", MOST_CHARS)
        return value


def _length(value: Any) -> int:
    """About as many characters as it has in JSON."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(len(key) + _length(item) for key, item in value.items())
    if isinstance(value, list):
        return sum(map(_length, value)) + len(value)
    return 8
