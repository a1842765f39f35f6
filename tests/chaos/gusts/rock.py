"""One job at a time on one replica: nothing else can take its place."""

from __future__ import annotations

from typing import ClassVar

from pilotlight import Context, Worker
from tests.chaos.gusts._contract import Input, Output, spec, work


class Rock(Worker[Input, Output]):
    spec: ClassVar = spec("rock", max_replicas=1, timeout_s=120, hang_timeout_s=3, keep_alive_s=20)

    def run(self, job_input: Input, context: Context) -> Output:
        return work(job_input, context)


WORKER = Rock
