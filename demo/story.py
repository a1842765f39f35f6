"""The demo's steps, in their order; each prints a line and leaves its time behind."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from rich.markup import escape

from demo import ROOT, checks
from demo.failure import StepFailed
from demo.house import KEEP_ALIVE_S
from demo.starting import started
from pilotlight import bootstrap, settings
from pilotlight.adapters.local.clock import SystemClock
from pilotlight.cli import screen
from pilotlight.cli.client import Api
from pilotlight.cli.follow import follow, settled
from pilotlight.cli.wire import exchange

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from rich.console import Console

    from demo.house import House
    from demo.receiver import Receiver
    from pilotlight.contracts.job import Job

ENDPOINT: Final = "pilotlight/shapes"
PICTURES: Final = "pictures"
_WEBHOOK_S: Final = 30
_CUSTOMER_S: Final = 60
_CUSTOMER_END_S: Final = 5
_ZERO_S: Final = KEEP_ALIVE_S + 60
_LOOK_S: Final = 0.1
_WORKER: Final = "shapes"


@dataclass
class Story:
    console: Console
    house: House
    receiver: Receiver
    clock: SystemClock = field(default_factory=SystemClock)
    timings: dict[str, float] = field(default_factory=dict)
    """Seconds, in the order of the table."""

    def tell(self, prompt: str) -> None:
        """Raises StepFailed, or a PilotlightError, in the words of what went wrong."""
        self._lights(self.clock.monotonic())
        job_id, picture = self._is_asked_for_a_picture(prompt)
        self._announces(job_id)
        self._is_at_zero_again(self._measures(job_id))
        self.console.print(f"\n  The picture: [bold]{picture}[/]")

    def _lights(self, began: float) -> None:
        self.house.wait_until_ready()
        self.timings["pilotlight up, to its first answer"] = self.clock.monotonic() - began
        self._done(f"pilotlight up answers at {self.house.url}, with no replica running")

    def _is_asked_for_a_picture(self, prompt: str) -> tuple[str, Path]:
        self._done(f"a fal program, unmodified, asks {ENDPOINT} for\n    “{escape(prompt)}”")
        with self._customer(prompt) as customer:
            assert customer.stdout is not None
            job_id = customer.stdout.readline().strip()
            if job_id:
                looks = follow(Api(self.house.url, self.house.key), job_id, clock=self.clock)
                screen.watch(settled(looks), console=self.console, margin="      ")
            picture = customer.stdout.readline().strip()
            code = customer.wait(_CUSTOMER_S)
        if code or not picture:
            raise StepFailed(f"the fal program ended with {code}; its words stand above")
        path = ROOT / picture
        if not path.read_bytes().startswith(b"\x89PNG"):
            raise StepFailed(f"{path} is no picture")
        self._done(f"it saved {picture}")
        return job_id, path.relative_to(ROOT)

    def _customer(self, prompt: str) -> AbstractContextManager[subprocess.Popen[str]]:
        command = [
            *("env", *self.house.customer_environment()),
            *(sys.executable, "-m", "demo.customer"),
            *(ENDPOINT, prompt, self.receiver.url, PICTURES),
        ]
        return started(command, stdout=subprocess.PIPE, patience_s=_CUSTOMER_END_S)

    def _announces(self, job_id: str) -> None:
        posted = self.receiver.next(_WEBHOOK_S)
        said = json.loads(posted.body)
        if said.get("request_id") != job_id or said.get("status") != "OK":
            raise StepFailed(f"the webhook says {said}")
        if not checks.fal_signature_holds(posted, self._jwks()):
            raise StepFailed("the webhook's fal signature does not hold")
        with self._rows() as services:
            job = _job(services, job_id)
            (secret, *_) = services.signer.active_secrets(job.caller, self.clock.now())
        if not checks.standard_signature_holds(posted, secret):
            raise StepFailed("the webhook's Standard Webhooks signature does not hold")
        self.timings["webhook, after the job's end"] = posted.at - (job.ended_at or posted.at)
        self._done("its webhook came: fal's signature and that of Standard Webhooks hold")

    def _measures(self, job_id: str) -> float:
        """When the job ended, in seconds since the epoch."""
        with self._rows() as services:
            job = _job(services, job_id)
            cold = services.fleet.cold_starts(_WORKER, limit=1)[0]
        assert job.started_at is not None
        assert job.ended_at is not None
        after = self.timings.pop("webhook, after the job's end")
        self.timings["cold start: a replica's process"] = cold.start_s
        self.timings["cold start: the model"] = cold.load_s
        self.timings["submit to the start of the run"] = job.started_at - job.created_at
        self.timings["run and store the picture"] = job.ended_at - job.started_at
        self.timings["webhook, after the job's end"] = after
        return job.ended_at

    def _is_at_zero_again(self, ended_at: float) -> None:
        """Raises StepFailed when replicas stay."""
        with (
            self.console.status(f"  the replica idles for its keep-alive, {KEEP_ALIVE_S} s here"),
            self._rows() as services,
        ):
            while any(replica.ended_at is None for replica in services.fleet.replicas()):
                if self.clock.now() > ended_at + _ZERO_S:
                    raise StepFailed(f"a replica is still there; see {self.house.log}")
                self.clock.sleep(_LOOK_S)
        self.timings[f"back to zero replicas (keep-alive {KEEP_ALIVE_S} s)"] = (
            self.clock.now() - ended_at
        )
        self._done("the fleet is at zero again")

    def _jwks(self) -> dict[str, Any]:
        with exchange("GET", f"{self.house.url}/.well-known/jwks.json", headers={}) as answer:
            keys: dict[str, Any] = json.loads(answer.read())
        return keys

    @contextlib.contextmanager
    def _rows(self) -> Iterator[bootstrap.Services]:
        services = bootstrap.services(settings.load(data=self.house.data))
        try:
            yield services
        finally:
            services.close()

    def _done(self, words: str) -> None:
        self.console.print(f"  [green]✓[/] {words}")


def _job(services: bootstrap.Services, job_id: str) -> Job:
    job = services.store.get(job_id)
    if job is None:
        raise StepFailed(f"the job {job_id} has no row")
    return job
