"""A drop folder with a clock that is moved by hand."""

from __future__ import annotations

import json

from pilotlight.contracts import moves

ECHO = "pilotlight/echo"
FULL = 10_000


class House:
    def __init__(self, services, data, clock):
        self.services, self.clock = services, clock
        self.drop, self.results = data / "drop", data / "drop-results"
        self.store, self.drops = services.store, services.drops

    def put(self, key, content=None):
        path = self.drop / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"text": key} if content is None else content))
        return path

    def look(self, times=2):
        """Steps that lie further apart than a file takes to settle."""
        for _ in range(times):
            self.drops.step()
            self.clock.sleep(3)

    def tend(self):
        """The steward, until nothing is due."""
        for _ in range(10):
            self.services.steward(self.clock.now())
            self.clock.sleep(1)

    def jobs(self):
        return [job for job in self.store.list_jobs(limit=FULL) if job.endpoint == ECHO]

    def run(self, job, text="done", *, told=True):
        now = self.clock.now()
        held = self.store.move(job.id, moves.lease(owner="r", now=now, lease_s=60, margin_s=10))
        output = json.dumps({"text": text})
        assert self.store.move(job.id, moves.succeed(held, now=now, output=output))
        if told:
            self.drops.changed([job.id])

    def output(self, name):
        return json.loads((self.results / name).read_text())["output"]["text"]
