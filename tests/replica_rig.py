"""One replica with a real child on the real local adapters, its loop on a thread."""

from __future__ import annotations

import itertools
import json
import random
import threading
import time

from pilotlight import catalogue
from pilotlight.adapters.local.blobs import FolderBlobs
from pilotlight.adapters.local.clock import SystemClock
from pilotlight.adapters.local.database import Database
from pilotlight.adapters.local.feed import SqliteFeed
from pilotlight.adapters.local.queue import TableQueueReceiver, TableQueueSender
from pilotlight.adapters.local.replicas import ReplicaRows
from pilotlight.adapters.local.roster import SqliteRoster
from pilotlight.adapters.local.store import SqliteStore
from pilotlight.adapters.local.wake import WakeSocket
from pilotlight.contracts import moves
from pilotlight.contracts.job import Job, JobStatus
from pilotlight.contracts.message import JobMessage
from pilotlight.execution.child_process import child_argv
from pilotlight.execution.replica import Replica, ReplicaPorts
from pilotlight.settings import LeaseSettings, ReplicaSettings, Settings

PACKAGES = ("tests.workers.misbehaving", "workers")
PATIENCE_S = 60
"""How long anything is waited for before the test gives up; nothing depends on it otherwise."""


class Changed:
    """An announcer that wakes those who wait in this process."""

    def __init__(self):
        self.condition = threading.Condition()

    def changed(self, job_ids):
        with self.condition:
            self.condition.notify_all()


def queued_job(spec, job_id, job_input, *, now, **changes):
    """A job for the worker's first endpoint that waits; every field can be given."""
    base = {
        "id": job_id,
        "caller": "alice",
        "endpoint": spec.endpoints[0].id,
        "worker": spec.name,
        "origin": "test",
        "input": json.dumps(job_input or {}),
        "created_at": now,
        "status": JobStatus.QUEUED,
        "start_by": now + 3600,
        "due_at": now + 3600,
        "run_timeout_s": 300.0,
    }
    return Job(**(base | changes))


class Rig:
    def __init__(
        self, folder, worker, *, store=SqliteStore, blobs=FolderBlobs, feed=SqliteFeed, **settings
    ):
        self.folder = folder
        self.spec = catalogue.find(PACKAGES, worker).spec
        self.clock = SystemClock()
        self.settings = Settings(
            data=folder,
            replica=ReplicaSettings(**{"cancel_grace_s": 1, **settings.pop("replica", {})}),
            lease=LeaseSettings(**settings.pop("lease", {})),
            **settings,
        )
        self.database = Database(folder / "jobs.db")
        self.store = store(self.database)
        self.feed = feed(self.database)
        self.blobs = blobs(folder / "files", secret=b"s" * 32, clock=self.clock)
        self.rows = ReplicaRows(self.database)
        self.announcer = Changed()
        self.wake = WakeSocket()
        self.sender = TableQueueSender(self.database, self.wake)
        self.rng = random.Random(7)
        self.exit_code = None
        self._ids = itertools.count(1)
        self._threads = []
        self.replica = None
        self._replicas = []

    def start(self, replica_id="replica-1", **more):
        """Start a replica on a thread of its own."""
        wake = WakeSocket()
        now = self.clock.now()
        self.rows.add(replica_id, self.spec.name, slots=self.spec.jobs_per_replica, now=now)
        queue = TableQueueReceiver(
            self.database, wake, self.clock, worker=self.spec.name, replica_id=replica_id
        )
        ports = ReplicaPorts(
            store=self.store,
            queue=queue,
            feed=self.feed,
            blobs=self.blobs,
            roster=SqliteRoster(self.database),
            announcer=self.announcer,
            clock=self.clock,
            settings=self.settings,
        )
        self.replica = Replica(
            replica_id,
            self.spec,
            ports=ports,
            scratch=self.folder / "scratch" / replica_id,
            child_argv=child_argv(self.spec.name, PACKAGES),
            rng=self.rng,
            **more,
        )
        self._replicas.append(self.replica)
        thread = threading.Thread(target=self._run, args=(self.replica,), daemon=True)
        self._threads.append(thread)
        thread.start()
        return self.replica

    def _run(self, replica):
        self.exit_code = replica.run()
        self.announcer.changed(())

    def submit(self, job_input=None, *, send=True, **changes):
        """A queued job for the worker; its id."""
        job_id = f"job-{next(self._ids)}"
        job = queued_job(self.spec, job_id, job_input, now=self.clock.now(), **changes)
        self.store.create([job])
        if send:
            self.sender.send(JobMessage(job_id=job.id, worker=job.worker))
        return job.id

    def cancel(self, job_id):
        job = self.store.get(job_id)
        assert self.store.move(job_id, moves.cancel(job, now=self.clock.now()))
        self.sender.poke(job.worker, job_id)

    def job(self, job_id):
        return self.store.get(job_id)

    def until(self, look, what="what the test waits for"):
        """The first true value of ``look``, looked at whenever something changes."""
        ends_at = time.monotonic() + PATIENCE_S
        with self.announcer.condition:
            while not (found := look()):
                assert time.monotonic() < ends_at, f"waited {PATIENCE_S} s for {what}"
                self.announcer.condition.wait(0.05)
        return found

    def ended(self, job_id):
        """The row once it is terminal."""

        def look():
            job = self.job(job_id)
            return job if job.status.is_terminal else None

        return self.until(look, f"the end of {job_id}: {self.job(job_id)}")

    def started(self, path):
        """The attempt number that a worker wrote when it began to run."""
        return self.until(lambda: path.exists() and path.read_text(), f"{path} to be made")

    def output(self, job_id):
        job = self.ended(job_id)
        assert job.status is JobStatus.SUCCEEDED, job
        return json.loads(job.output)

    def error(self, job_id):
        job = self.ended(job_id)
        assert job.status is JobStatus.FAILED, job
        return json.loads(job.error)

    def outcomes(self, job_id):
        return [record.outcome for record in self.store.attempts_of(job_id)]

    def entries(self, job_id, kind):
        return [json.loads(entry.body) for entry in self.feed.read(job_id, kind=kind)]

    def lines(self, job_id):
        return [entry["message"] for entry in self.entries(job_id, "log")]

    def replica_row(self):
        return self.rows.recent(now=self.clock.now())[-1]

    def leave(self):
        """Stop the replica and wait for its end; its exit code."""
        self.replica.stop()
        return self.gone()

    def gone(self):
        for thread in self._threads:
            thread.join(PATIENCE_S)
            assert not thread.is_alive(), "the replica did not end"
        return self.exit_code

    def close(self):
        for replica in self._replicas * 2:
            replica.stop()
        self.gone()
        self.wake.close()
        self.database.close()
