from __future__ import annotations

from pilotlight import WeightsMissing
from tests.workers.shared._toy import Toy, note, spec


class Broken(Toy):
    """Its weights are never there."""

    spec = spec("broken")

    def load(self):
        note("load broken")
        raise WeightsMissing("no weights for broken")


WORKER = Broken
