"""Whose turn it is to do what must not be done twice at once, where processes share a store."""

from __future__ import annotations

from typing import Protocol


class Turn(Protocol):
    def take(self) -> bool:
        """Whether it is ours now; if not, whoever has it knows that we asked."""
        ...

    def give(self) -> bool:
        """Give it back; False: somebody asked meanwhile, so it stays ours for another look."""
        ...
