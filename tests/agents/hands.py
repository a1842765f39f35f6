"""The wired services with a steward that is called by hand, and hands that play the replicas."""

from __future__ import annotations

import json

from pilotlight.contracts import moves
from pilotlight.contracts.agent import Definition
from pilotlight.contracts.artifact import Artifact
from pilotlight.contracts.group import member_id
from pilotlight.contracts.job import READY, JobError
from pilotlight.intake.groups.agents import view
from pilotlight.intake.groups.agents.service import Wish

LEASE = {"lease_s": 60, "margin_s": 10}


class Hands:
    def __init__(self, services, clock):
        self.services, self.clock = services, clock
        self.store, self.steward = services.store, services.steward

    def start(self, *nodes, output=None, given=None, **more):
        definition = Definition.model_validate({"nodes": nodes, "output": output})
        wish = Wish(
            caller="alice", origin="agents", given=given or {}, definition=definition,
            base_url="http://test", **more,
        )  # fmt: skip
        head = self.services.agents.start(wish)
        self.look()
        return head

    def look(self):
        """The steward, until nothing is due."""
        while (again_at := self.steward(self.clock.now())) is not None:
            if again_at > self.clock.now():
                return

    def jobs(self, head):
        """The run's jobs by their keys."""
        return {job.member: job for job in self.services.members.members(head.id, limit=10_000)}

    def inputs(self, head, key):
        return json.loads(self.jobs(head)[key].input)

    def ready(self, head):
        return [key for key, job in self.jobs(head).items() if job.status in READY]

    def does(self, head, key, output, *files, look=True):
        """The node's job runs and gives this output; each file's URL in it is ``artifact:N``."""
        job = self.store.get(member_id(head.id, key))
        held = self.store.move(job.id, moves.lease(owner="r1", now=self.clock.now(), **LEASE))
        assert held is not None, f"{key} is {job.status}"
        listed = json.dumps([self._file(job, name).model_dump() for name in files])
        done = moves.succeed(
            held, now=self.clock.now(), output=json.dumps(output), artifacts=listed
        )
        assert self.store.move(job.id, done) is not None
        if look:
            self.look()

    def fails(self, head, key, message="it broke"):
        job = self.jobs(head)[key]
        held = self.store.move(job.id, moves.lease(owner="r1", now=self.clock.now(), **LEASE))
        error = JobError("worker_error", message)
        self.store.move(job.id, moves.fail(held, now=self.clock.now(), error=error))
        self.look()

    def _file(self, job, name):
        info = self.services.blobs.put(
            f"results/{job.id}/1/{name}", PNG, content_type="image/png", file_name=name
        )
        return Artifact(
            key=info.key,
            file_name=name,
            content_type="image/png",
            size=info.size,
            sha256=info.sha256,
        )

    def head(self, head):
        return self.store.get(head.id)

    def output(self, head):
        row = self.head(head)
        return json.loads(self.services.control.output(row, base_url="http://test"))

    def statuses(self, head):
        """By node, as the caller sees them."""
        seen = view.look(self.head(head), self.services.members, self.store)
        return {one.node.id: one.status for one in seen.nodes}

    def error(self, head, key=None):
        job = self.head(head) if key is None else self.jobs(head)[key]
        return self.services.control.error(job)


PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c6360000002000001e221bc330000000049454e44ae426082"
)
