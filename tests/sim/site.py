"""Everything that one seed's processes share, and each process's own view of it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pydantic import BaseModel

from pilotlight.bootstrap.ingress import assemble
from pilotlight.bootstrap.parts import IngressParts
from pilotlight.catalogue import Catalogue
from pilotlight.contracts.artifact import ARTIFACTS
from pilotlight.contracts.job import HELD, JobStatus
from pilotlight.contracts.worker import Endpoint, WorkerSpec
from pilotlight.settings import JobSettings, ReplicaSettings, Settings, WebhookSettings
from tests.sim.auditor import check_birth, check_change
from tests.sim.child import Models, signature
from tests.sim.faults import SKEW_S
from tests.sim.fencing import Fencing
from tests.sim.files import Shelf, SimBlobs
from tests.sim.groups import SimGroups, Tallies
from tests.sim.messages import Bells, Mail, MailReceiver, SimDeadLetters, SimSender, TableReceiver
from tests.sim.pausing import SimOverrules
from tests.sim.process import Lock
from tests.sim.receiver import Receipts
from tests.sim.replicas import ReplicaProcesses
from tests.sim.roster import Replicas, SimFleet, SimRoster
from tests.sim.secrets import MemorySecrets
from tests.sim.store import Entries, SimAnnouncer, SimFeed, SimStore, SimWatch
from tests.sim.table import Table
from tests.sim.world import Violation

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pilotlight.bootstrap.ingress import Services
    from pilotlight.contracts.job import Job
    from pilotlight.ports.queue import QueueReceiver
    from tests.sim.faults import Faults
    from tests.sim.messages import Ear
    from tests.sim.process import Process
    from tests.sim.table import Change
    from tests.sim.world import World

START_TIMEOUT_S: Final = 3600.0


class Wish(BaseModel):
    seconds: float
    fate: str = "ok"
    makes_file: bool = False
    number: int = 0
    pays: bool = False


class Answer(BaseModel):
    text: str
    file: dict[str, Any] | None = None


def _spec(name: str, **facts: Any) -> WorkerSpec:
    endpoint = Endpoint(id=f"sim/{name}", task="sim", input=Wish, output=Answer)
    return WorkerSpec(name=name, endpoints=(endpoint,), gpu_memory_gib=0, timeout_s=240, **facts)


SPECS: Final = {
    "lone": _spec("lone", max_replicas=24, keep_alive_s=30),
    "wide": _spec("wide", max_replicas=6, keep_alive_s=20, jobs_per_replica=3),
}


class Site:
    """The machine room of one history."""

    specs: ClassVar = SPECS

    def __init__(self, world: World, faults: Faults, folder: Path, *, remote: bool) -> None:
        self.world, self.faults, self.folder, self.remote = world, faults, folder, remote
        self.settings = Settings(
            data=folder,
            job=JobSettings(start_timeout_s=START_TIMEOUT_S),
            replica=ReplicaSettings(tick_s=5),
            webhook=WebhookSettings(per_host=1),  # rows are put off, and called forward again
        )
        self.catalogue = Catalogue(
            {}, {one.id: (one, spec) for spec in SPECS.values() for one in spec.endpoints}
        )
        self.table = Table(self._observe)
        self.tallies = Tallies(self.table)
        self.entries = Entries(self.table)
        self.shelf = Shelf()
        self.replicas = Replicas(self.table)
        self.overrules = SimOverrules()
        self.models = Models(world, faults)
        self.bells = Bells(world, faults)
        self.mail = Mail(world, faults, self.bells) if remote else None
        self.receipts = Receipts(self.table)
        self.processes = ReplicaProcesses(self)
        grace_s = self.settings.replica.cancel_grace_s
        self.fencing = Fencing(world, self.processes, self.models, grace_s=grace_s)
        self.watches: dict[SimWatch, None] = {}
        self.secrets: dict[str, bytes] = {}
        self.ends: list[Callable[[Job], None]] = []
        self.watchers: list[Callable[[Change], None]] = []
        self.moves: dict[str, int] = {}
        self.turns = 0
        self.live_leases_reaped = 0
        self.losses_of_the_living = 0
        self.losses_of_the_drained = 0
        self.recoveries: list[float] = []
        self.recoveries_while_storing: list[float] = []
        self._lost_at: dict[str, tuple[float, JobStatus]] = {}
        self.open = 0
        """Rows that are not over."""

    # Views of one process

    def store(self, process: Process) -> SimStore:
        return SimStore(self.table, process, remote=self.remote)

    def receiver(self, process: Process, ear: Ear, worker: str) -> QueueReceiver:
        if self.mail is None:
            return TableReceiver(self.table, process, self.bells, ear, worker)
        return MailReceiver(self.mail, process, self.bells, ear, worker)

    def sender(self, process: Process) -> SimSender:
        return SimSender(process, self.bells, self.mail)

    def feed(self, process: Process) -> SimFeed:
        return SimFeed(self.entries, process)

    def blobs(self, process: Process) -> SimBlobs:
        return SimBlobs(self.shelf, process)

    def roster(self, process: Process) -> SimRoster:
        return SimRoster(self.replicas, process)

    def announcer(self, process: Process) -> SimAnnouncer:
        return SimAnnouncer(process, lambda: list(self.watches))

    def fleet(self, process: Process) -> SimFleet:
        return SimFleet(
            self.replicas,
            process,
            launch=self.processes.launch,
            terminate=self.processes.terminate,
            kill=self.processes.end_hanging,
            lease=self.settings.lease,
            exits=self.processes.exits,
        )

    def services(self, process: Process, watch: SimWatch) -> Services:
        """The product's own wiring over this process's ports."""
        parts = IngressParts(
            store=self.store(process),
            agents=None,  # type: ignore[arg-type] # nobody keeps any here
            groups=SimGroups(self.tallies, self.store(process), process),
            queue=self.sender(process),
            blobs=self.blobs(process),
            feed=self.feed(process),
            watch=watch,
            announcer=self.announcer(process),
            fleet=self.fleet(process),
            overrules=self.overrules,
            keys=None,  # type: ignore[arg-type] # nobody signs in here
            ends=None,  # type: ignore[arg-type] # nor measures
            files=None,  # type: ignore[arg-type] # nor keeps files
            secrets=MemorySecrets(self.secrets),
            dead_letters=None if self.mail is None else SimDeadLetters(self.mail, process),
            close=lambda: None,
        )
        services = assemble(self.settings, self.catalogue, self.specs, parts, process.clock)
        services.submit.admission._lock = Lock(self.world)  # type: ignore[assignment]
        return services

    def count_turns(self, turns: int) -> None:
        self.turns += turns

    # Every committed change

    def _observe(self, change: Change) -> None:
        with self.world.judging():
            self._changed(change)

    def _changed(self, change: Change) -> None:
        old, new, move, by = change
        for watch in self.watchers:
            watch(change)
        if old is None or move is None:
            self.world.note(by, "T1", new.id, new.status)
            check_birth(new)
            self.open += 1
            return
        name = move.transition.name
        self.moves[name] = self.moves.get(name, 0) + 1
        self.world.note(by, name, new.id, new.status, new.fence)
        check_change(
            old,
            new,
            move,
            now=self.world.now,
            skew_s=2 * SKEW_S,
            owner_lives=self.processes.lives(old.owner),
        )
        if (old.status in HELD and new.fence != old.fence) or new.status.is_terminal:
            self.models.fence_rose(old.id, old.fence, name)
        self._leases(old, new, name)
        if name == "T6":
            self._result(new)
        if new.status.is_terminal and not old.status.is_terminal:
            self.open -= 1
            for tell in self.ends:
                tell(new)

    def _leases(self, old: Job, new: Job, name: str) -> None:
        if name in ("T3", "T4", "T5"):
            self.fencing.kept(new)
        elif name in ("T10", "T11"):
            self.fencing.check(old.id, old.fence)
        if name in ("T3", "T10", "T11"):
            self._recovery(old, new, name)

    def _recovery(self, old: Job, new: Job, name: str) -> None:
        if name == "T3":
            if lost := self._lost_at.pop(new.id, None):
                lost_at, was = lost
                stored = was is JobStatus.STORING
                found = self.recoveries_while_storing if stored else self.recoveries
                found.append(self.world.now - lost_at)
            return
        self.losses_of_the_drained += old.owner in self.processes.told_to_leave
        holder = self.processes.running.get(old.owner or "")
        if holder is not None and holder.process.reaches_others:
            self.losses_of_the_living += 1
            if old.id in {one for one, _ in self.models.running}:
                self.live_leases_reaped += 1

    def lost_with(self, replica_id: str) -> None:
        """A replica died now: how long until its jobs are leased again?"""
        for job in self.table.held_by(replica_id):
            self._lost_at.setdefault(job.id, (self.world.now, job.status))

    def _result(self, row: Job) -> None:
        """I3: what is committed is what this very attempt made, and its files are there."""
        said = Answer.model_validate_json(row.output or "")
        if said.text != signature(row.id, row.fence):
            raise Violation("I3", f"the result of another attempt: {row}")
        self.check_files(row)

    def check_files(self, row: Job) -> None:
        if row.status is not JobStatus.SUCCEEDED or row.artifacts == "[]":
            return
        for artifact in ARTIFACTS.validate_json(row.artifacts):
            found = self.shelf.files.get(artifact.key)
            wanted = signature(row.id, row.fence).encode()
            if found is None or found[1] != wanted:
                raise Violation("I3", f"the file {artifact.key} is {found}: {row}")
            if hashlib.sha256(found[1]).hexdigest() != artifact.sha256:
                raise Violation("I3", f"the file {artifact.key} has another sum: {row}")
