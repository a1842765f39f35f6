"""Short jobs on several replicas: what the storm is made of."""

from __future__ import annotations

from typing import ClassVar

from pilotlight import Context, Worker
from tests.chaos.gusts._contract import Input, Output, spec, work


class Gust(Worker[Input, Output]):
    spec: ClassVar = spec(
        "gust", jobs_per_replica=2, max_replicas=4, timeout_s=120, hang_timeout_s=6, keep_alive_s=20
    )

    def run(self, job_input: Input, context: Context) -> Output:
        return work(job_input, context)


WORKER = Gust
