from __future__ import annotations

import threading

from tests.workers.shared._toy import Toy, spec


class Endless(Toy):
    """Never done with loading."""

    spec = spec("endless", load_timeout_s=1)

    def load(self):
        threading.Event().wait()


WORKER = Endless
