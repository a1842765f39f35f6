"""Batches learn to read: each way in that opens some brings its own words for their lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from pilotlight.bootstrap.ingress import Services
from pilotlight.intake.groups.batches.format import Format
from pilotlight.intake.groups.batches.kind import Batches
from pilotlight.intake.groups.batches.ticket import KIND


class Writer(Protocol):
    """A dialect or an event source."""

    @property
    def name(self) -> str: ...

    @property
    def lines(self) -> Callable[[Services], Format] | None: ...


def teach(services: Services, writers: Iterable[Writer]) -> None:
    """Before the steward looks for the first time. Cheap, and may be done again."""
    kind = services.steward.kinds[KIND]
    assert isinstance(kind, Batches)
    for one in writers:
        if one.lines is not None:
            kind.formats[one.name] = one.lines(services)
