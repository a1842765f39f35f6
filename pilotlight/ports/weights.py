"""Where weights lie when they are not on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Link:
    """One file, readable in ranges by whoever has the link, for a while."""

    name: str
    """Below the folder that was asked for."""
    url: str
    size: int
    etag: str = ""
    """Of this version: another one is refused."""


class WeightsStore(Protocol):
    def links(self, uri: str) -> list[Link]:
        """Every file below the folder ``uri``, in order of name.

        Raises WeightsMissing when there is none or the place cannot be read.
        """
        ...
