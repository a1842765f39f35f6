"""Looks at the drop folder, and writes results of what came from there.

An event about an object and the listing are the same to it: both are objects that were seen.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pilotlight.contracts.job import JobStatus
from pilotlight.errors import Unavailable
from pilotlight.intake.drop import naming
from pilotlight.intake.drop.taking import MOST_PENDING
from pilotlight.intake.groups.batches.ticket import ENDPOINT, Spread, unspread
from pilotlight.observability import logs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pilotlight.contracts.job import Job
    from pilotlight.intake.drop.results import Results
    from pilotlight.intake.drop.taking import Taking
    from pilotlight.intake.groups.batches.kind import Batches
    from pilotlight.ports.clock import Clock
    from pilotlight.ports.drop import DropFolder, DropLedger, Taken
    from pilotlight.ports.groups import GroupStore
    from pilotlight.ports.store import JobStore

LOOK_S: Final = 1.0
"""Between two listings of a small folder."""
_REST_FACTOR: Final = 500
"""A listing that took t is followed by a rest of 500 t: 0.2 % of a core, however many files."""
_BUSY_FACTOR: Final = 5
"""While files are on their way in."""
_LONGEST_S: Final = 600.0
ALL_S: Final = 30.0
"""Between two looks at every job whose result is not written: what an announcement lost."""
LIST_REMOTE_S, ALL_REMOTE_S = 300.0, 5.0
"""The same where each look costs requests, and where other processes end the jobs."""


@dataclass(slots=True, kw_only=True)
class Drops:
    """``step`` is called from one thread; the rest from any."""

    folder: DropFolder
    ledger: DropLedger
    taking: Taking
    results: Results
    batches: Batches
    store: JobStore
    members: GroupStore
    clock: Clock
    list_s: float = LOOK_S
    """Between two listings, at least."""
    all_s: float = ALL_S
    """While any job of the folder runs."""
    lit: threading.Event = field(default_factory=threading.Event)
    """Set when there is something to do before the moment that the last step named."""
    _changed: deque[str] = field(default_factory=deque)
    _hints: deque[str] = field(default_factory=deque)
    _open: dict[str, Taken] = field(default_factory=dict)
    _list_at: float = 0.0
    _all_at: float = 0.0

    def changed(self, job_ids: Sequence[str]) -> None:
        """Some jobs changed. Free while nothing of the folder runs."""
        if self._open:
            self._changed.extend(one for one in job_ids if one in self._open)
            if self._changed:
                self.lit.set()

    def hint(self, keys: Iterable[str]) -> None:
        """Somebody says that these objects are there: lost or doubled, it does no harm."""
        self._hints.extend(keys)
        self.lit.set()

    def step(self) -> float:
        """Do what there is to do; seconds until the next step, unless ``lit`` is set before."""
        self.lit.clear()
        now = self.clock.now()
        self._settle(now)
        self._count(self.heed())
        if now >= self._list_at:
            self._list(now)
        return max(0.0, min(self._list_at, self._all_at) - self.clock.now())

    # In

    def heed(self) -> int:
        """Take what hints say and nothing else; how many."""
        keys = [self._hints.popleft() for _ in range(len(self._hints))]
        found = (self.folder.look(key) for key in dict.fromkeys(keys))
        seen = (one for one in found if one is not None)
        return self.taking(seen, room=self._room, settled=self.folder.whole)

    def _list(self, now: float) -> None:
        began = self.clock.monotonic()
        listing = self.folder.listing()
        taken = self.taking(listing, room=self._room, settled=self.folder.whole, listing=True)
        took_s = self.clock.monotonic() - began
        self._count(taken)
        busy = bool(taken or self.taking.unsettled)
        rest_s = took_s * (_BUSY_FACTOR if busy else _REST_FACTOR)
        self._list_at = now + min(max(self.list_s, rest_s), _LONGEST_S)

    @property
    def _room(self) -> int:
        return MOST_PENDING - len(self._open)

    def _count(self, taken: int) -> None:
        if taken:
            self._all_at = 0.0  # some may have ended before they were known here
            self._settle(self.clock.now())

    # Out

    def _settle(self, now: float) -> None:
        looked_at = {self._changed.popleft() for _ in range(len(self._changed))}
        if now >= self._all_at:
            pending = self.ledger.pending(limit=2 * MOST_PENDING)
            self._open = {one.job_id: one for one in pending if one.job_id is not None}
            self._all_at = now + (self.all_s if self._open else ALL_S)
            looked_at = set(self._open)
        for job_id in looked_at:
            one = self._open.get(job_id)
            if one is not None and self._try_to_tell(one, job_id):
                self.ledger.settle(one)
                del self._open[job_id]
                if len(self._open) == MOST_PENDING // 2:
                    self._list_at = 0.0  # there is room again

    def _try_to_tell(self, one: Taken, job_id: str) -> bool:
        """Whether there is nothing left to write. Raises Unavailable: the others fare alike."""
        try:
            return self._is_told(one, job_id)
        except Unavailable:
            raise
        except Exception:  # noqa: BLE001 - one result that cannot be written must not stop the others
            logs.failure("drop.unwritten", job_id=job_id)
            return False

    def _is_told(self, one: Taken, job_id: str) -> bool:
        """Whether its results are written, as far as they ever will be."""
        job = self.store.get(job_id)
        if job is None:  # forgotten before anybody looked
            return True
        if not job.status.is_terminal:
            return False
        if job.endpoint == ENDPOINT and job.group_due is not None:
            self._all_at = min(self._all_at, self.clock.now() + LOOK_S)
            return False  # its last lines are on their way out
        if self._is_newest(one):  # else it was replaced meanwhile: the newer one's result counts
            self._tell(one.key, job)
        return True

    def _is_newest(self, one: Taken) -> bool:
        """Two processes that take two versions at once may write them down in either order, so it
        is the object that says, while it is there and was taken as it is."""
        there = self.folder.look(one.key)
        if there is not None:
            own_id = naming.version_id(there)
            if own_id == one.id or self.ledger.known([own_id]):
                return own_id == one.id
        return self.ledger.newest(one.key) == one.id

    def _tell(self, key: str, job: Job) -> None:
        if job.endpoint != ENDPOINT:
            self.results.write(key, job)
            return
        if job.status is JobStatus.FAILED:
            self.results.write(key, job)
        for name, file in self.batches.formats[job.origin].files(job):
            self.results.copied(naming.beside_lines(key, name), file)
        tally = self.members.tally(job.id)
        if tally is not None:
            spread = Spread.read(tally.cursor)
            counts = {
                "total": max(tally.total, spread.total),
                "succeeded": tally.succeeded,
                "failed": tally.failed,
                "cancelled": tally.cancelled,
                "expired": tally.expired,
            }
            if never := unspread(job, tally, spread):
                counts[str(job.status)] += never
            self.results.summary(key, job, counts)
