from __future__ import annotations

import asyncio

from pilotlight import Worker
from tests.workers.misbehaving._contract import Output, begin, spec


class AsyncRun(Worker):
    """``first`` waits for ``second``: that only ends when both run at once, on one loop.

    Neither ever looks at its context.
    """

    spec = spec("async-run", jobs_per_replica=2)

    def load(self):
        self.met = asyncio.Event()

    async def run(self, job_input, context):
        begin(job_input, context)
        print(f"said by {job_input.text}")  # noqa: T201 - what it is here for
        if job_input.text == "first":
            await self.met.wait()
        self.met.set()
        return Output(text=job_input.text)


WORKER = AsyncRun
