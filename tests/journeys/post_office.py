"""The delivery side of an installation on a data folder, without an ingress or a replica."""

import json
from dataclasses import dataclass

from pilotlight.adapters.local.clock import ManualClock, SystemClock
from pilotlight.adapters.local.store import SqliteStore
from pilotlight.contracts import moves
from pilotlight.contracts.job import Job
from pilotlight.delivery.dispatcher import Dispatcher
from pilotlight.delivery.signing import Signer
from pilotlight.settings import WebhookSettings
from tests.contract.http_servers import DEADLINE_S

DAY = 24 * 3600


def render(job: Job, *, thin: bool = False) -> bytes:
    if job.origin == "broken":
        raise ValueError("this origin cannot say it")
    body = {"request_id": job.id, "status": job.status, "payload": job.output}
    if thin:
        body |= {"payload": None, "payload_error": "too large"}
    return json.dumps(body).encode()


@dataclass
class PostOffice:
    """The delivery side of an installation on one data folder."""

    store: SqliteStore
    signer: Signer
    clock: ManualClock | SystemClock
    settings: WebhookSettings
    dispatcher: Dispatcher
    _made: int = 0

    def job(self, url: str | None, *, caller="alice", origin="native", output='"hi"') -> Job:
        """A job that has just succeeded."""
        self._made += 1
        now = self.clock.now()
        job = Job(
            id=f"job-{self._made}",
            caller=caller,
            endpoint="pilotlight/echo",
            worker="echo",
            origin=origin,
            input="{}",
            created_at=now,
            start_by=now + 60,
            run_timeout_s=60,
            due_at=now,
            webhook=url,
        )
        self.store.create([job])
        held = self.store.move(job.id, moves.lease(owner="r", now=now, lease_s=60, margin_s=10))
        assert held is not None
        done = self.store.move(job.id, moves.succeed(held, now=now, output=output))
        assert done is not None
        return done

    def deliver(self) -> int:
        """Post everything that is due now, and wait for the answers."""
        begun = self.dispatcher(self.clock.now())
        assert self.dispatcher.finish(DEADLINE_S)
        return begun

    def row(self, job: Job) -> Job:
        row = self.store.get(job.id)
        assert row is not None
        return row


def ids(receiver) -> list[str]:
    return [request.headers["webhook-id"] for request in receiver.received]
