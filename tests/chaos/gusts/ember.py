"""Long jobs: their leases are the whole sixty seconds by default."""

from __future__ import annotations

from typing import ClassVar

from pilotlight import Context, Worker
from tests.chaos.gusts._contract import Input, Output, spec, work


class Ember(Worker[Input, Output]):
    spec: ClassVar = spec(
        "ember", jobs_per_replica=4, max_replicas=6, timeout_s=3600, keep_alive_s=20
    )

    def run(self, job_input: Input, context: Context) -> Output:
        return work(job_input, context)


WORKER = Ember
