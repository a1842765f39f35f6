"""Jobs that end while nobody runs them: what they began elsewhere is ended too.

A replica's child does it for the job it runs. Here are the others: cancelled between two attempts,
expired, given up after the last lost lease or by a dead letter, or after the last child that died
of it. Best effort: it is not written down anywhere that it is still to be done.
"""

from __future__ import annotations

import json
import queue
import threading
from typing import TYPE_CHECKING, Final

from pilotlight import catalogue
from pilotlight.observability import logs
from pilotlight.ports.feed import NewEntry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pilotlight.bootstrap.parts import IngressParts
    from pilotlight.catalogue import AnyWorker, Catalogue
    from pilotlight.contracts.job import Job
    from pilotlight.ports.clock import Clock
    from pilotlight.ports.feed import Feed

    Wish = tuple[Job, threading.Event]

_WAIT_S: Final = 4.0
"""A little more than an upstream is given to answer."""


def let_go(worker: AnyWorker, job: Job, feed: Feed, clock: Clock) -> None:
    """Have the worker end what the job left behind; what it says of that goes to the job's log.

    Blocks for seconds, and raises whatever the worker raises.
    """
    said = worker.let_go(called=job.endpoint, note=job.note or "")
    if said:
        body = json.dumps({"message": said, "level": "log"})
        feed.append([NewEntry(job.id, "log", body, clock.now())])


def by_name(workers: Sequence[str], feed: Feed, clock: Clock) -> Callable[[Job], None]:
    """The same where no catalogue is at hand, in a replica."""
    return lambda job: let_go(catalogue.find(workers, job.worker), job, feed, clock)


class LettingGo:
    """Takes terminal rows that have a note; never raises. One thread does the asking."""

    def __init__(self, found: Catalogue, parts: IngressParts, clock: Clock) -> None:
        self._catalogue, self._parts, self._clock = found, parts, clock
        self._wishes: queue.SimpleQueue[Wish] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def __call__(self, job: Job) -> None:
        """For a caller who waits: where the store is across a network they are on a thread.

        There it blocks for a moment, because such a process may be frozen once it has answered.
        """
        done = self.later(job)
        if self._parts.store.remote:
            done.wait(_WAIT_S)

    def later(self, job: Job) -> threading.Event:
        """Set when it is done."""
        done = threading.Event()
        worker = self._catalogue.workers.get(job.worker)
        if worker is None or not worker.spec.upstream or job.note is None:
            done.set()
            return done
        self._wishes.put((job, done))
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._live, name="letting-go", daemon=True)
                self._thread.start()
        return done

    def _live(self) -> None:
        while True:
            job, done = self._wishes.get()
            try:
                self._do(job)
            except Exception:  # noqa: BLE001 - a worker's own code, and what it cannot do is not ours
                logs.failure("job.not_let_go", job_id=job.id, worker=job.worker)
            done.set()

    def _do(self, job: Job) -> None:
        let_go(self._catalogue.workers[job.worker], job, self._parts.feed, self._clock)
