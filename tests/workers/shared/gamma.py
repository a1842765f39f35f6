from __future__ import annotations

from tests.workers.shared._toy import Toy, spec


class Gamma(Toy):
    spec = spec("gamma")


WORKER = Gamma
