"""Jobs that end while nobody runs them: what they began elsewhere is ended too.

A replica does it for the jobs it holds. Here are the others: cancelled between two attempts,
expired, or given up after the last lost lease. Best effort: it is not written down anywhere that
it is still to be done.
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

from pilotlight.observability import logs
from pilotlight.ports.feed import NewEntry

if TYPE_CHECKING:
    from pilotlight.bootstrap.parts import IngressParts
    from pilotlight.catalogue import Catalogue
    from pilotlight.contracts.job import Job
    from pilotlight.ports.clock import Clock


class LettingGo:
    """Call it with a terminal row that has a note; it never raises.

    A store across a network is written to from threads anyway: there it blocks, for seconds at
    most, because what is left in the background may be frozen with its process.
    """

    def __init__(self, catalogue: Catalogue, parts: IngressParts, clock: Clock) -> None:
        self._catalogue, self._parts, self._clock = catalogue, parts, clock

    def __call__(self, job: Job) -> None:
        worker = self._catalogue.workers.get(job.worker)
        if worker is None or not worker.spec.upstream or job.note is None:
            return
        if self._parts.store.remote:
            self._do(job)
        else:
            threading.Thread(target=self._do, args=(job,), name="letting-go", daemon=True).start()

    def _do(self, job: Job) -> None:
        try:
            worker = self._catalogue.workers[job.worker]
            said = worker.let_go(called=job.endpoint, note=job.note or "")
            if said:
                body = json.dumps({"message": said, "level": "log"})
                self._parts.feed.append([NewEntry(job.id, "log", body, self._clock.now())])
        except Exception:  # noqa: BLE001 - a worker's own code, and what it cannot do is not ours
            logs.failure("job.not_let_go", job_id=job.id, worker=job.worker)
