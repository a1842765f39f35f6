from __future__ import annotations

from tests.workers.shared._toy import Toy, note, spec


class Lorry(Toy):
    spec = spec("lorry", gpu_memory_gib=1, pool="parking")

    def park(self):
        note("park lorry")
        return True

    def wake(self):
        note("wake lorry")


WORKER = Lorry
