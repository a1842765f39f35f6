"""One seed, one history: run it, and judge it when the faults have stopped."""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import random
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final
from unittest.mock import patch

from pilotlight.contracts.job import JobStatus
from pilotlight.intake import ids
from tests.sim.clients import Clients
from tests.sim.faults import KINDS, LONGEST_PUT_S, Faults
from tests.sim.gatherings import Gatherings
from tests.sim.house import House
from tests.sim.liveness import Liveness
from tests.sim.pausing import Pausing
from tests.sim.site import START_TIMEOUT_S, Site
from tests.sim.world import EPOCH, Violation, World

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_IN_MEMORY: Final = Path("/dev/shm")
SETTLE_S: Final = 2 * START_TIMEOUT_S
"""After the faults every job must end within its deadline to start, run timeout and 2 minutes."""
WEBHOOKS_S: Final = 3600.0
"""After the last moment that a row's schedule names, when every receiver takes what it is given."""
_MOST_STEPS_PER_JOB: Final = 2000
"""Fifteen times what a job takes."""
QUIET_S: Final = 600.0 + LONGEST_PUT_S
"""Afterwards the fleet must have gone back to zero: the last to go have an upload in hand, which an
interpreter finishes before it ends."""


@dataclass(slots=True, kw_only=True)
class History:
    """What became of one seed."""

    seed: int
    remote: bool
    kinds: tuple[str, ...]
    hash: str = ""
    violation: str = ""
    rule: str = ""
    tail: tuple[str, ...] = ()
    statuses: Counter[str] = field(default_factory=Counter)
    """Of jobs on their own."""
    members: Counter[str] = field(default_factory=Counter)
    """Statuses of groups and of what they consist of."""
    faults: dict[str, int] = field(default_factory=dict)
    moves: dict[str, int] = field(default_factory=dict)
    recoveries: list[float] = field(default_factory=list)
    recoveries_while_storing: list[float] = field(default_factory=list)
    held_back: int = 0
    """Pauses at whose end jobs waited for their worker."""
    virtual_s: float = 0.0
    steps: int = 0
    sites: tuple[str, ...] = ()
    """Of a scripted run: every port call in order."""
    costs: dict[str, float] = field(default_factory=dict)
    """What no invariant forbids but somebody pays for."""

    def __str__(self) -> str:
        words = [*self.tail, f"seed {self.seed}: {self.violation or 'all invariants hold'}"]
        words.append(f"  faults: {', '.join(self.kinds)}; {'remote' if self.remote else 'local'}")
        return "\n".join(words)


def swarm(seed: int) -> tuple[bool, tuple[str, ...]]:
    """Mode and kinds of fault of a seed: a random half of the kinds."""
    rng = random.Random(f"swarm {seed}")
    kinds = rng.sample(KINDS, len(KINDS) // 2)
    return seed % 2 == 1, tuple(kind for kind in KINDS if kind in kinds)


def simulate(
    seed: int,
    jobs: int,
    *,
    kinds: Sequence[str] | None = None,
    remote: bool | None = None,
    script: dict[int, str] | None = None,
    groups: int | None = None,
    pauses: int = 0,
) -> History:
    """Run the seed to its end, or to its first violation. ``groups`` runs of agents beside the
    jobs: one for each hundred if nobody says how many.

    ``pauses``: so many times an operator pauses a worker and resumes it.
    ``script`` gives the fate of single calls by number and takes every other fault away; the
    jobs then are plain ones that succeed.
    """
    mode, drawn = swarm(seed)
    wanted = jobs // 100 if groups is None else groups
    mode = mode if remote is None else remote
    chosen = drawn if kinds is None else tuple(kinds)
    history = History(seed=seed, remote=mode, kinds=chosen)
    with _scratch() as folder, _quiet(seed):
        run = Run(history, jobs, Path(folder), script=script, groups=wanted, pauses=pauses)
        try:
            run.run()
        except Violation as violation:
            history.violation, history.rule = str(violation), violation.rule
            history.tail = tuple(run.world.tail)
        finally:
            run.close()
    return history


def _scratch() -> tempfile.TemporaryDirectory[str]:
    """In memory where the system has a folder there: a disk is a quarter of a busy machine's time."""
    parent = _IN_MEMORY if _IN_MEMORY.is_dir() else None
    return tempfile.TemporaryDirectory(prefix="pilotlight-sim-", dir=parent)


@contextlib.contextmanager
def _quiet(seed: int) -> Iterator[None]:
    """No log lines, and ids from the seed: with them everything follows from it."""
    log = logging.getLogger("pilotlight")
    before = log.disabled
    log.disabled = True
    collects = gc.isenabled()
    gc.disable()  # a moment of its own choosing would end fibers out of order
    try:
        with patch.object(ids, "secrets", _Drawn(seed)):
            yield
    finally:
        log.disabled = before
        if collects:
            gc.enable()


class _Drawn:
    def __init__(self, seed: int) -> None:
        self.randbits = random.Random(f"ids {seed}").getrandbits


class Run:
    def __init__(
        self,
        history: History,
        jobs: int,
        folder: Path,
        *,
        script: dict[int, str] | None,
        groups: int,
        pauses: int = 0,
    ) -> None:
        self.history = history
        self.world = World(history.seed)
        self.world.most_steps = 200_000 + _MOST_STEPS_PER_JOB * jobs
        self.faults = Faults(self.world, history.kinds, remote=history.remote, script=script)
        self.site = Site(self.world, self.faults, folder, remote=history.remote)
        self.house = House(self.site)
        self.clients = Clients(self.site, self.house, jobs)
        self.gatherings = Gatherings(self.site, self.house, groups)
        self.liveness = Liveness(self.site)
        self.pausing = Pausing(self.site, pauses, strict=not history.kinds)

    def run(self) -> None:
        world = self.world
        self.house.open()
        self.faults.run_outages()
        last = max(self.clients.arrive(), self.gatherings.arrive())
        world.run(EPOCH + last + 600, stop=lambda: self._all_over and world.now > EPOCH + last)
        self.faults.stop()
        self.liveness.watch()
        ends_at = world.now + SETTLE_S
        world.run(ends_at, stop=lambda: self._all_over)
        self._check_ends()
        world.run(world.now + QUIET_S, stop=lambda: not self.site.processes.running)
        self._check_quiet()
        table = self.site.table
        world.run(self._last_webhook() + WEBHOOKS_S, stop=lambda: table.next_webhook_due() is None)
        self._check_webhooks()
        self._check_rows()
        self.gatherings.check()
        self._measure()

    def close(self) -> None:
        """End every fiber, so that nothing of this history runs at a moment of its own choosing."""
        for process in self.world.processes:
            process.kill("the end")
        with contextlib.suppress(Violation):
            self.world.run(self.world.now)

    @property
    def _all_over(self) -> bool:
        return self.site.open == 0 and self.clients.waiting == 0 and self.gatherings.over

    # Judgement

    def _need(self, holds: object, rule: str, what: object) -> None:
        if not holds:
            raise Violation(rule, str(what))

    def _check_ends(self) -> None:
        rows = self.site.table.rows
        self._need(self.clients.waiting == 0, "I1", f"{self.clients.waiting} clients never heard")
        for told in self.clients.told:
            self._need(told.job_id in rows, "I1", f"an accepted job is lost: {told}")
        stuck = [row for row in rows.values() if not row.status.is_terminal]
        self._need(not stuck, "I1", f"{len(stuck)} jobs never end, such as {stuck[:1]}")

    def _check_quiet(self) -> None:
        """From zero to zero: nothing runs when there is nothing to do."""
        left = [self.site.replicas.rows.get(one) for one in self.site.processes.running]
        self._need(not left, "zero", f"replicas are left: {left}")
        self._need(not self.site.models.running, "zero", self.site.models.running)
        crashes = self.site.processes.crashes
        self._need(not crashes, "crash", f"a replica's own code raised: {crashes[:3]}")
        self._need(not self.house.trouble, "crash", f"exceptions nobody took: {self.house.trouble}")

    def _last_webhook(self) -> float:
        """Every posting of the time of the faults is settled: what is put off now is put off for
        the last time."""
        dues = (row.webhook_due for row in self.site.table.rows.values())
        return max([self.world.now, *(due for due in dues if due is not None)])

    def _check_webhooks(self) -> None:
        for row in self.site.table.rows.values():
            taken = self.site.receipts.taken.get(row.id, 0)
            self._need(row.webhook is None or taken, "I4", f"never announced: {row}")
            self._need(row.webhook or not taken, "I4", f"announced unasked: {row}")

    def _check_rows(self) -> None:
        by_key: Counter[tuple[str, str | None]] = Counter()
        for row in self.site.table.rows.values():
            if row.idempotency_key is not None:
                by_key[row.caller, row.idempotency_key] += 1
            if row.group_id == row.id:
                continue  # nobody runs it
            self.site.check_files(row)
            runs = self.site.models.runs.get(row.id, 0)
            self._need(runs or row.status is not JobStatus.SUCCEEDED, "I3", f"unrun: {row}")
            self._need(row.losses <= row.max_losses, "I8", row)
        twice = [key for key, count in by_key.items() if count > 1]
        self._need(not twice, "I7", f"several jobs for one key: {twice[:3]}")
        for told in self.clients.told:
            self._check_told(told)

    def _check_told(self, told: object) -> None:
        row = self.site.table.rows[told.job_id]  # type: ignore[attr-defined]
        cancelled = row.status is JobStatus.CANCELLED
        self._need(row.caller == told.caller, "I12", row)  # type: ignore[attr-defined]
        in_time = told.deadline or row.status is not JobStatus.EXPIRED  # type: ignore[attr-defined]
        self._need(in_time, "I1", f"expired after an hour, though there was room: {row}")
        self._need(cancelled or not told.cancelled, "I6", f"cancelled, then {row}")  # type: ignore[attr-defined]
        self._need(not cancelled or told.cancel_asked, "I6", f"cancelled by nobody: {row}")  # type: ignore[attr-defined]

    def _measure(self) -> None:
        history, site = self.history, self.site
        history.hash = self.world.history_hash
        for row in site.table.rows.values():
            counts = history.statuses if row.group_id is None else history.members
            counts[str(row.status)] += 1
        history.faults, history.moves = self.faults.counts, site.moves
        history.recoveries = site.recoveries
        history.recoveries_while_storing = site.recoveries_while_storing
        history.sites = tuple(self.faults.sites)
        history.held_back = self.pausing.held_back
        history.virtual_s, history.steps = self.world.now - EPOCH, self.world.steps
        orphans = self._orphans()
        history.costs = {
            "overlap_s": round(site.models.overlap_s, 1),
            "live_leases_reaped": site.live_leases_reaped,
            "losses_of_the_drained": site.losses_of_the_drained,
            "cancelled_run_s": round(site.models.cancelled_run_s, 1),
            "losses_of_the_living": site.losses_of_the_living,
            "orphan_files": orphans,
            "webhooks_doubled": sum(count - 1 for count in site.receipts.taken.values()),
            "turns": site.turns,
            "blameless_failures": self._blameless(),
            "runs": sum(site.models.runs.values()),
        }

    def _orphans(self) -> int:
        """Files that no row leads to, but for those of replicas that were killed."""
        kept = {
            artifact["key"]
            for row in self.site.table.rows.values()
            for artifact in json.loads(row.artifacts)
        }
        shelf, killed = self.site.shelf, self.site.processes.killed
        return sum(shelf.brought_by[key] not in killed for key in shelf.files.keys() - kept)

    def _blameless(self) -> int:
        """Jobs that failed though their model never fails: the machine's fault."""
        rows = self.site.table.rows
        return sum(
            told.fate == "ok" and rows[told.job_id].status is JobStatus.FAILED
            for told in self.clients.told
        )
