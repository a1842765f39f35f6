from __future__ import annotations

from pilotlight import Worker
from tests.workers.misbehaving._contract import Output, spec


class AsyncStreams(Worker):
    spec = spec("async-streams")

    async def run(self, job_input, context):
        for word in job_input.text.split():
            yield Output(text=word)


WORKER = AsyncStreams
