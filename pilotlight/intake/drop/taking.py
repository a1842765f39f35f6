"""Objects that were seen become jobs: each version of each once, whoever saw it and how often."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final

from pilotlight.contracts.job import JobError
from pilotlight.errors import PilotlightError, Unavailable
from pilotlight.intake.drop import naming
from pilotlight.intake.drop.naming import Kind
from pilotlight.observability import logs
from pilotlight.ports.drop import Replaced, Taken

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pilotlight.contracts.job import Job
    from pilotlight.intake.drop.results import Results
    from pilotlight.intake.drop.settling import Settling
    from pilotlight.intake.drop.wishes import Wishes
    from pilotlight.intake.groups.waking import Waker
    from pilotlight.ports.clock import Clock
    from pilotlight.ports.drop import DropLedger, Dropped
    from pilotlight.ports.store import JobStore

PAGE: Final = 200
"""Objects of one transaction."""
MOST_PENDING: Final = 2000
"""Objects whose results are not written: more are taken when some are."""
MOST_COPIED: Final = 512 * 1024**2
"""Bytes between two commits: whoever is killed meanwhile, as a Lambda whose time is over, copies no
more than that and one object again."""
MOST_LISTED: Final = 4 * MOST_COPIED
"""Bytes of one listing: whoever looks has other things to do too."""
MOST_REMEMBERED: Final = 200_000
"""Versions of which no ledger is asked again: on AWS each answer is a read that is paid for, and the
listing holds whatever was dropped within a month."""


@dataclass(slots=True, kw_only=True)
class Taking:
    """Blocks on files, the store and the network. Called from one thread."""

    ledger: DropLedger
    results: Results
    wishes: Wishes
    store: JobStore
    waker: Waker
    clock: Clock
    settling: Settling
    _remembered: set[bytes] = field(default_factory=set)
    """Beginnings of ids that the ledger knows."""
    _copied: int = 0
    """Bytes of this call so far."""

    @property
    def unsettled(self) -> int:
        return len(self.settling)

    def __call__(
        self,
        found: Iterable[Dropped],
        *,
        room: int,
        settled: bool = False,
        listing: bool = False,
    ) -> int:
        """Take what is new, some more than ``room`` at most; how many.

        ``settled``: they are known to be whole, as in S3. ``listing``: they are all that are there,
        and one that cannot be taken keeps none of the others back; else it is raised, and whoever
        told of it tells again.
        """
        taken = self._copied = 0
        wanted = (one for one in found if naming.kind_of(one.key) is not Kind.ASIDE)
        while taken < room and (page := list(islice(wanted, PAGE))):
            taken += self._page(page, settled=settled, listing=listing)
            if listing and self._copied >= MOST_LISTED:
                room = 0
        if listing:
            self.settling.listed(all_of_them=taken < room)
        return taken

    def fresh(self, found: Iterable[Dropped]) -> int:
        """How many of these were not taken yet."""
        wanted = (one for one in found if naming.kind_of(one.key) is not Kind.ASIDE)
        count = 0
        while page := list(islice(wanted, PAGE)):
            count += len(page) - len(self.ledger.known([naming.version_id(one) for one in page]))
        return count

    def _page(self, page: Sequence[Dropped], *, settled: bool, listing: bool) -> int:
        by_id = {naming.version_id(one): one for one in page}
        known = self._known(list(by_id))
        fresh = {own_id: one for own_id, one in by_id.items() if own_id not in known}
        for own_id in known:
            self.settling.is_over(by_id[own_id].key)
        now = self.clock.now()
        ripe = {
            own_id: one
            for own_id, one in fresh.items()
            if settled or self.settling.is_settled(one, now=now)
        }
        taken = 0
        for portion in _portions(ripe):
            if listing and self._copied >= MOST_LISTED:
                break
            taken += self._portion(portion, listing=listing)
        return taken

    def _portion(self, ripe: dict[str, Dropped], *, listing: bool) -> int:
        try:
            return self._take(ripe)
        except Unavailable:
            raise
        except Exception:
            if not listing:
                raise
        return sum(self._taken_alone(own_id, one) for own_id, one in ripe.items())

    def _taken_alone(self, own_id: str, one: Dropped) -> int:
        """Raises Unavailable: the others fare alike."""
        try:
            return self._take({own_id: one})
        except Unavailable:
            raise
        except Exception:  # noqa: BLE001 - a full disk, a result whose place is taken: others go on
            logs.failure("drop.untaken", key=naming.shown(one.key))
            self.settling.later(one, now=self.clock.now())
            return 0

    def _known(self, ids: Sequence[str]) -> set[str]:
        """What is known once stays known."""
        known = {own_id for own_id in ids if _short(own_id) in self._remembered}
        if asked := [own_id for own_id in ids if own_id not in known]:
            told = self.ledger.known(asked)
            if len(self._remembered) + len(told) <= MOST_REMEMBERED:
                self._remembered.update(map(_short, told))
            known |= told
        return known

    def _take(self, ripe: dict[str, Dropped]) -> int:
        rows: list[tuple[str, Dropped, Job]] = []
        taken: list[Taken] = []
        for own_id, one in ripe.items():
            try:
                if naming.kind_of(one.key) is Kind.MANIFEST:
                    taken.append(Taken(own_id, one.key, self.wishes.group(own_id, one).id))
                else:
                    rows.append((own_id, one, self.wishes.job(own_id, one)))
            except Replaced:
                continue  # another version: it is seen again
            except PilotlightError as error:
                if error.retryable:
                    raise
                self.results.refused(one, JobError.of(error))
                taken.append(Taken(own_id, one.key, None, pending=False))
        self._record(rows, taken)
        for one in ripe.values():
            self.settling.is_over(one.key)
            self._copied += one.size
        return len(taken)

    def _record(self, rows: list[tuple[str, Dropped, Job]], taken: list[Taken]) -> None:
        """Jobs and what is known of their objects, in one commit where that can be."""
        with self.store.together():
            created = self.store.create([job for _, _, job in rows])
            jobs = zip(rows, created, strict=True)
            taken += [Taken(own_id, one.key, made.job.id) for (own_id, one, _), made in jobs]
            self.ledger.add(taken)
        self.store.harden()
        self.waker([made.job for made in created if not made.existed])


def _short(own_id: str) -> bytes:
    return bytes.fromhex(own_id[:32])


def _portions(ripe: dict[str, Dropped]) -> Iterator[dict[str, Dropped]]:
    """In their order, each of some more bytes than :data:`MOST_COPIED` at most."""
    portion: dict[str, Dropped] = {}
    size = 0
    for own_id, one in ripe.items():
        portion[own_id] = one
        size += one.size
        if size >= MOST_COPIED:
            yield portion
            portion, size = {}, 0
    if portion:
        yield portion
