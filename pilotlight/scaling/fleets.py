"""Loads of workers as loads of the fleets that serve them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilotlight.ports.store import Load

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pilotlight.contracts.pools import Pools


def by_fleet(loads: Mapping[str, Load], pools: Pools) -> Mapping[str, Load]:
    """The same mapping where nobody shares."""
    if not pools.members:
        return loads
    found: dict[str, Load] = {}
    for worker, load in loads.items():
        fleet = pools.fleet_of(worker)
        found[fleet] = _sum(found[fleet], load) if fleet in found else load
    return found


def _sum(one: Load, other: Load) -> Load:
    since = [at for at in (one.oldest_queued_at, other.oldest_queued_at) if at is not None]
    return Load(one.queued + other.queued, one.running + other.running, min(since, default=None))
