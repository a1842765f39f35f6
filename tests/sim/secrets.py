"""Secrets in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class MemorySecrets:
    def __init__(self, kept: dict[str, bytes]) -> None:
        self._kept = kept

    def get_or_create(self, name: str, make: Callable[[], bytes]) -> bytes:
        return self._kept.setdefault(name, make())

    def update(self, name: str, change: Callable[[bytes | None], bytes]) -> bytes:
        self._kept[name] = change(self._kept.get(name))
        return self._kept[name]
