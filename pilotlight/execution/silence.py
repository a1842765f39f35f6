"""Which replicas hang: they have said nothing for a lease and its margin, nor since we noticed.

Such a one only blocks its place: its leases are over, busy or idle. After an outage of the store
everybody has been silent, so whoever seems to hang gets the time to say a word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pilotlight.settings import LeaseSettings

BENEFIT_S: Final = 15.0
"""Whoever could not write tries again every two seconds."""


class Silence:
    """One fleet's look at all of its replicas, again and again."""

    def __init__(self, lease: LeaseSettings) -> None:
        self.patience_s = lease.lease_s + lease.margin_s
        self._first: dict[str, float] = {}
        """Who seemed to hang when we looked last, and since when."""

    def hanging(self, silent: Callable[[], Iterable[str]], *, now: float) -> list[str]:
        """``silent`` looks who was not heard of for ``patience_s``. Raises what it raises: then
        nobody is blamed, and the benefit begins anew.
        """
        before, self._first = self._first, {}
        self._first = {one: before.get(one, now) for one in silent()}
        return [one for one, first in self._first.items() if now >= first + BENEFIT_S]
