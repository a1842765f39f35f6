"""Which of the waiting pieces of work go into one call. Pure: what it decides is done elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from workers.engines.diffusers.declared import Limits


@dataclass(frozen=True, slots=True)
class Piece:
    """One picture that somebody waits for."""

    kind: Hashable
    """Pieces of equal kinds can share a call: same model, sides, steps, guidance, adaptations.
    None shares with nobody."""
    cost: float
    """Megapixels times steps."""
    megapixels: float
    since: float
    """When it came, in seconds of one clock."""


@dataclass(frozen=True, slots=True)
class Share:
    """Do these now: places in the list of those that wait, in order."""

    places: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Linger:
    """Ask again then, or when another piece has come."""

    until: float


def choose(waiting: Sequence[Piece], limits: Limits, *, now: float) -> Share | Linger:
    """``waiting`` is in the order of arrival, and is not empty.

    The first is always among the chosen, so nobody waits for ever; as many of its kind come along
    as the limits on cost and memory let in, with none overtaken by a later one of its kind. It
    lingers only while the call has room, and ``linger_s`` after the first came at most.
    """
    first = waiting[0]
    if first.kind is None or first.cost >= limits.cost:
        return Share((0,))
    places: list[int] = []
    cost = megapixels = 0.0
    full = False
    for place, one in enumerate(waiting):
        if one.kind != first.kind:
            continue
        cost, megapixels = cost + one.cost, megapixels + one.megapixels
        full = bool(places) and (cost > limits.cost or megapixels > limits.megapixels)
        if full:
            break
        places.append(place)
    # Another like the last would not fit: there is nobody to wait for.
    full = full or cost + first.cost > limits.cost
    until = first.since + limits.linger_s
    return Linger(until) if not full and now < until else Share(tuple(places))
