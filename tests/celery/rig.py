"""Replicas as processes of their own in AWS mode, on an emulator: tables, files and queues."""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import sys
import time

from pilotlight import catalogue
from pilotlight.adapters.aws import tables
from pilotlight.adapters.aws.calls import Calls
from pilotlight.adapters.aws.clients import Clients
from pilotlight.adapters.aws.objects import Bucket
from pilotlight.adapters.aws.queues import create, dead_letter_url, queue_url
from pilotlight.adapters.aws.sqs import SqsSender
from pilotlight.adapters.aws.store import DynamoStore
from pilotlight.adapters.aws.texts import LongTexts
from pilotlight.adapters.aws.watch import PollingWatch
from pilotlight.adapters.local.clock import SystemClock
from pilotlight.contracts.job import JobStatus
from pilotlight.contracts.message import JobMessage
from pilotlight.execution.reaper import Reaper
from pilotlight.settings import WHOLE, Settings
from tests.live import ROOT, environment
from tests.replica_rig import PACKAGES, queued_job
from tests.sqs_stage import REGION

PATIENCE_S = 60
"""How long anything is waited for before the test gives up; nothing depends on it otherwise."""
_names = itertools.count(1)


class AwsRig:
    """``worker`` is one of the misbehaving ones, or ``echo``."""

    def __init__(self, endpoint, folder, worker, *, through=None, **settings):
        name = f"rig-{os.getpid()}-{next(_names)}"
        base = f"{endpoint}/000000000000/{name}"
        self.spec = catalogue.find(PACKAGES, worker).spec
        self.folder, self.clock = folder, SystemClock()
        queue = {"wait_s": 1, "visibility_s": 10, **settings.pop("queue", {})}
        self.settings = Settings(
            mode="aws",
            data=folder,
            workers=PACKAGES,
            aws={
                "region": REGION,
                "endpoint_url": through or endpoint,
                "emulated": True,
                "jobs_table": f"{name}-jobs",
                "secrets_table": f"{name}-secrets",
                "bucket": name,
                "queue_url": f"{base}-jobs-",
            },
            queue=queue,
            lease={"lease_s": 8, "beat_s": 2, "margin_s": 0.1, **settings.pop("lease", {})},
            replica={"grace_s": 5, "cancel_grace_s": 1, **settings.pop("replica", {})},
            **settings,
        )
        self._clients = Clients(region=REGION, endpoint_url=endpoint, emulated=True)
        dynamodb, s3 = self._clients.dynamodb(), self._clients.s3()
        self.sqs = self._clients.sqs()
        tables.create(dynamodb, tables.jobs_table(f"{name}-jobs"))
        tables.create(dynamodb, tables.secrets_table(f"{name}-secrets"))
        s3.create_bucket(Bucket=name)
        create(self.sqs, self.settings, (self.spec.name,))
        self.url = queue_url(self.settings, self.spec.name)
        self.dead_url = dead_letter_url(self.settings, self.spec.name)
        self.calls = Calls(dynamodb, self.clock)
        texts = LongTexts(Bucket(s3, name))
        self.store = DynamoStore(self.calls, f"{name}-jobs", texts, workers=(self.spec.name,))
        self.sender = SqsSender(self.sqs, self.settings)
        self.reaper = Reaper(self.store, self.sender, PollingWatch(), self.clock, self.settings)
        self._ids = itertools.count(1)
        self._processes = []

    def start(self, replica_id="replica-1", *, command=None, **more):
        """A replica's process; its log is ``ID.log``."""
        command = command or ["-m", "workers", self.spec.name, "--replica", replica_id]
        with (self.folder / f"{replica_id}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *command],
                cwd=ROOT,
                env=environment(**{WHOLE: self.settings.model_dump_json()}),
                stdout=log,
                stderr=log,
                **more,
            )
        self._processes.append(process)
        return process

    def log(self, replica_id="replica-1"):
        return (self.folder / f"{replica_id}.log").read_text()

    def ready(self, replica_id="replica-1"):
        self.until(lambda: '"child.ready"' in self.log(replica_id), f"{replica_id} to be ready")

    def submit(self, job_input=None, *, send=True, **changes):
        job_id = f"job-{next(self._ids)}"
        job = queued_job(self.spec, job_id, job_input, now=self.clock.now(), **changes)
        self.store.create([job])
        if send:
            self.sender.send(JobMessage(job_id=job.id, worker=job.worker))
        return job.id

    def job(self, job_id):
        return self.store.get(job_id)

    def until(self, look, what, patience_s=PATIENCE_S):
        ends_at = time.monotonic() + patience_s
        while not (found := look()):
            assert time.monotonic() < ends_at, f"waited {patience_s} s for {what}"
            time.sleep(0.02)  # noqa: TID251 - between two looks, never instead of one
        return found

    def succeeded(self, *job_ids):
        for job_id in job_ids:
            self.until(lambda one=job_id: self.job(one).status.is_terminal, f"the end of {job_id}")
            assert self.job(job_id).status is JobStatus.SUCCEEDED, self.job(job_id)
            outcomes = [record.outcome for record in self.store.attempts_of(job_id)]
            assert outcomes.count("T6") == 1, outcomes

    def counts(self, url=None):
        """Messages that are visible, and hidden."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.sqs.get_queue_attributes(QueueUrl=url or self.url, AttributeNames=names)
        return tuple(int(answer["Attributes"][name]) for name in names)

    def close(self):
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()
        self._clients.close()
