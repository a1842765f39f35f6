from __future__ import annotations

from tests.workers.shared._toy import Toy, note, spec


class Sled(Toy):
    spec = spec("sled", gpu_memory_gib=1, pool="parking")

    def park(self):
        note("park sled")
        return False

    def wake(self):
        note("wake sled")


WORKER = Sled
