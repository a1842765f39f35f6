from __future__ import annotations

from tests.workers.shared._toy import Toy, spec


class Beta(Toy):
    spec = spec("beta")


WORKER = Beta
