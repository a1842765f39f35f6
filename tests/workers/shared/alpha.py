from __future__ import annotations

from tests.workers.shared._toy import Toy, spec


class Alpha(Toy):
    spec = spec("alpha")


WORKER = Alpha
