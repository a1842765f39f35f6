"""A pooled replica with a real child on the real local adapters, its loop on a thread."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from pilotlight import bootstrap, catalogue
from pilotlight.adapters.local.blobs import FolderBlobs
from pilotlight.adapters.local.clock import SystemClock
from pilotlight.adapters.local.database import Database
from pilotlight.adapters.local.feed import SqliteFeed
from pilotlight.adapters.local.queue import TableQueueSender
from pilotlight.adapters.local.replicas import ReplicaRows
from pilotlight.adapters.local.store import SqliteStore
from pilotlight.adapters.local.wake import WakeSocket
from pilotlight.bootstrap.local import database_path
from pilotlight.contracts.pools import Pools
from pilotlight.settings import PoolSettings, ReplicaSettings, Settings
from tests.replica_rig import Changed, Rig


class PoolRig(Rig):
    """Jobs go to any of the pool's workers: ``submit(input, to="beta")``."""

    def __init__(self, folder: Path, packages, pool, *, memory_gib, **settings):
        self.folder, self.pool = folder, pool
        self.clock = SystemClock()
        self.settings = Settings(
            data=folder,
            workers=packages,
            pools={pool: PoolSettings(memory_gib=memory_gib)},
            replica=ReplicaSettings(cancel_grace_s=1, tick_s=0.05),
            **settings,
        )
        found = catalogue.discover(packages).workers
        self.specs = {name: worker.spec for name, worker in found.items()}
        self.pools = Pools(self.specs)
        self.spec = self.pools.fleets[pool]
        self.database = Database(database_path(self.settings))
        self.store, self.feed = SqliteStore(self.database), SqliteFeed(self.database)
        self.blobs = FolderBlobs(folder / "files", secret=b"s" * 32, clock=self.clock)
        self.rows = ReplicaRows(self.database)
        self.announcer, self.wake = Changed(), WakeSocket()
        self.sender = TableQueueSender(self.database, self.wake, self.pools.fleet_of)
        self.exit_code, self.replica = None, None
        self._ids, self._threads, self._replicas = iter(range(1, 10_000)), [], []

    def start(self, replica_id="host-1"):
        self.rows.add(replica_id, self.pool, slots=1, now=self.clock.now())
        self.replica = bootstrap.replica(self.settings, self.pool, replica_id)
        self._replicas.append(self.replica)
        thread = threading.Thread(target=self._run, args=(self.replica,), daemon=True)
        self._threads.append(thread)
        thread.start()
        return self.replica

    def submit(self, job_input=None, *, to, **changes):
        endpoint = self.specs[to].endpoints[0].id
        return super().submit(job_input, worker=to, endpoint=endpoint, **changes)

    def ready(self, count):
        """So many hosts wait for jobs."""

        def look():
            rows = self.rows.recent(now=self.clock.now())
            return sum(row.stage == "ready" for row in rows) == count

        self.until(look, f"{count} hosts")

    def holds(self):
        """What the replica's row says it has, the model in use first."""
        return (self.replica_row().step or "").split(",")

    @property
    def diary(self):
        return Path(os.environ["POOL_DIARY"]).read_text().split("\n")[:-1]  # noqa: TID251

    def order(self, ids):
        """Workers of these jobs, in the order in which they were started."""
        jobs = sorted((self.job(job_id) for job_id in ids), key=lambda job: job.started_at)
        return [job.worker for job in jobs]
