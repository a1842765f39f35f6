"""The storm: the real product, real callers, and ``kill -9`` in every direction.

First everything at once: callers submit while processes die and stand still. Then the sky
clears, everything has to drain, and three things are measured in the calm: how fast a job of a
dead replica runs again when only its lease can tell, how fast a cancelled process is dead, and
whether the stopped product leaves anything behind. The auditor has the last word.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from tests.chaos import figures
from tests.chaos.attacks import Attacks, Blow
from tests.chaos.audit import Audit, Findings, drafts, leavings, orphans
from tests.chaos.callers import Callers
from tests.chaos.flaky import Flaky, flaky_receiver
from tests.chaos.gusts import gust
from tests.chaos.outsiders import Outsider, Outsiders
from tests.chaos.rows import Rows, alive, children
from tests.live import Live, until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WORKERS: Final = '["workers", "tests.chaos.gusts"]'
_BACKLOG: Final = 150
_SHARE: Final = 5
"""Callers hold back while 150 jobs, or a fifth of all, wait: the whole storm has some of them."""
_SECOND_LEASE: Final = 3
"""Fence of a job that was leased, lost and leased again."""
SHORT_TIMERS: Final = {
    "LEASE__LEASE_S": "4",
    "LEASE__BEAT_S": "1",
    "LEASE__MARGIN_S": "1",
    "LEASE__STORING_S": "10",
    "REPLICA__GRACE_S": "5",
    "REPLICA__CANCEL_GRACE_S": "0.5",
    "SCALING__PATIENCE_S": "0.2",
    "SCALING__START_BACKOFF_S": "0.2",
    "SCALING__MAX_BACKOFF_S": "1",
    "WEBHOOK__TIMEOUT_S": "2",
}
_WEBHOOKS: Final = {
    # The timers of webhooks are days long by default and are tested elsewhere, on a hand clock.
    "WEBHOOK__SCHEDULE_S": "[0, 0.2, 0.5, 1, 2, 5, 5, 10, 10, 20]",
    "WEBHOOK__CIRCUIT_PROBE_S": "1",
}


@dataclass(frozen=True)
class Plan:
    """``short`` timers make seconds of what takes minutes by default."""

    jobs: int
    seed: int
    clients: int
    gap_s: float
    """Mean time between two blows."""
    longest_pause_s: float
    drain_s: float
    """Once faults have stopped, everything has to be over within this."""
    embers: int
    """Long jobs on replicas that die unseen in the calm."""
    cancels: int
    short: bool = False

    @property
    def settings(self) -> dict[str, str]:
        timers = SHORT_TIMERS if self.short else {}
        return {"WORKERS": WORKERS, **_WEBHOOKS, **timers}


@dataclass
class Storm:
    """``say`` tells what happens, a line at a time."""

    plan: Plan
    data: Path
    say: Callable[[str], None]
    findings: Findings = field(default_factory=Findings)
    cancels: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rows = Rows(self.data)
        self.live = Live(self.data, settings=self.plan.settings)
        self.outsiders = Outsiders(self.live, self.rows)
        self.attacks = Attacks(
            live=self.live,
            rows=self.rows,
            outsiders=self.outsiders,
            seed=self.plan.seed,
            worker="gust",
            slots=gust.WORKER.spec.jobs_per_replica,
            gap_s=self.plan.gap_s,
            longest_pause_s=self.plan.longest_pause_s,
        )

    def run(self) -> dict[str, Any]:
        """The report. Ends every process it started, whatever happens."""
        began = time.monotonic()
        try:
            with flaky_receiver(self.plan.seed) as hook:
                self.live.start()
                self.say(f"a storm of {self.plan.jobs} jobs on {self.live.url}")
                callers = Callers(self.live, self.plan.seed, hook.url, busy=self._busy)
                self._blow(callers)
                storm_s = time.monotonic() - began
                self._drain(hook)
                drained_s = time.monotonic() - began - storm_s
                self._embers()
                self._cancels()
                self._leave()
                told = callers.join()
                self.findings = Audit(self.rows, told, hook.posts)()
            self.findings.other += leavings(self.data)
        finally:
            self.attacks.end()
            self.outsiders.close()
            self._end_all()
        times = {"storm_s": storm_s, "drain_s": drained_s, "wall_s": time.monotonic() - began}
        return self._report(told.unanswered, hook.failed, times)

    def _end_all(self) -> None:
        """One more look after each: a process may be born while the others are being killed."""

        def gone() -> bool:
            self.live.kill_everything()
            return not self.live.processes()

        until(gone, what="every process to be killed")

    def _busy(self) -> bool:
        return self.rows.waiting() > min(_BACKLOG, self.plan.jobs // _SHARE)

    def _blow(self, callers: Callers) -> None:
        """Until every job is acknowledged; ``up`` dies at a third, and everything at two."""
        jobs = self.plan.jobs
        whole = [(jobs // 3, "kill -9 up"), (2 * jobs // 3, "kill -9 everything")]
        callers.start(jobs, self.plan.clients)
        self.attacks.start()
        try:
            told = 0
            while whole or not (callers.done and self.attacks.idle):
                time.sleep(0.1)  # noqa: TID251 - between two looks
                acknowledged = len(callers.told.acknowledged)
                while whole and (callers.done or acknowledged >= whole[0][0]):
                    self.attacks.later(whole.pop(0)[1])
                if acknowledged >= told + min(500, max(50, jobs // 20)):
                    told = acknowledged
                    self.say(f"{told} acknowledged, {self.rows.waiting()} wait or run")
        finally:
            callers.stop.set()
            self.attacks.stop()

    def _drain(self, hook: Flaky) -> None:
        self.say(f"faults stop; {self.rows.waiting()} wait or run")
        hook.calm.set()

        def over() -> bool:
            self.outsiders.tidy()
            return self.rows.waiting() == 0 and self.rows.webhooks_due() == 0

        # What does not end in time is for the auditor to find.
        with contextlib.suppress(AssertionError):
            until(over, what="everything to end", patience_s=self.plan.drain_s)
        self.outsiders.drain()

    def _embers(self) -> None:
        """Long leases on replicas whose death nobody sees: only the lease can tell."""
        count = self.plan.embers
        if not count:
            return
        self.say(f"{count} long jobs on replicas that die unseen")
        victims = self._ready_embers(count)
        body = {"text": "ember", "sleep_s": 3000}
        ids = [self.live.submit("chaos/ember", body) for _ in range(count)]
        until(lambda: all(self._fence(job_id) for job_id in ids), what="all of them to run")
        for one in victims:
            time.sleep(self.plan.gap_s)  # noqa: TID251 - deaths at different times of a beat
            self.attacks.blows.append(Blow("kill -9 outsider", one.id, time.time()))
            self.outsiders.kill(one)

        lapsed = _SECOND_LEASE - 1
        until(lambda: max(map(self._fence, ids)) >= lapsed, what="a lapse", patience_s=240)
        self._ready_embers(count)  # others with room: the lease is measured, not the scaler

        def again() -> bool:
            self.outsiders.tidy()
            return all(self._fence(job_id) >= _SECOND_LEASE for job_id in ids)

        until(again, what="all of them to run again", patience_s=240)
        for job_id in ids:
            self.live.ask("PUT", f"/queue/chaos/ember/requests/{job_id}/cancel")
        self.outsiders.drain()

    def _ready_embers(self, slots: int) -> list[Outsider]:
        started = [self.outsiders.start("ember", slots=4) for _ in range((slots + 3) // 4)]
        until(lambda: all(map(self.outsiders.ready, started)), what="replicas to load")
        return started

    def _fence(self, job_id: str) -> int:
        return int(self.rows.one("SELECT fence FROM job WHERE id = ?", job_id))

    def _cancels(self) -> None:
        """A model in one long step hears nothing: its process has to die."""
        if self.plan.cancels:
            self.say(f"{self.plan.cancels} jobs cancelled in the middle of a long step")
        for number in range(self.plan.cancels):
            started = self.data / f"started-{number}"
            body = {"text": "deaf", "sleep_s": 3000, "deaf": True, "started": str(started)}
            job_id = self.live.submit("chaos/rock", body)
            # A job that is cancelled before its model begins leaves nothing that has to die.
            until(started.exists, what=f"the model of {job_id}")
            _, parent = until(lambda job_id=job_id: self.rows.holder(job_id), what=f"{job_id}")
            (child,) = until(lambda parent=parent: children(parent), what="the child")
            began = time.monotonic()
            answer = self.live.ask("PUT", f"/queue/chaos/rock/requests/{job_id}/cancel")
            until(lambda child=child: not alive(child), what=f"the death of process {child}")
            self.cancels.append(time.monotonic() - began)
            if answer.status != 202:
                self.findings.other.append(f"cancel of {job_id}: {answer}")

    def _leave(self) -> None:
        code = self.live.stop()
        if code != 0:
            self.findings.other.append(f"`up` ended with code {code}")

    def _report(self, unanswered: int, failed: int, times: dict[str, float]) -> dict[str, Any]:
        found = self.findings
        blows = self.attacks.counts()
        recovered = figures.recoveries(self.rows, self.attacks.blows)
        return {
            "jobs": self.plan.jobs,
            "seed": self.plan.seed,
            "default_timers": not self.plan.short,
            "cores": os.cpu_count(),
            **{name: len(getattr(found, name)) for name in figures.PROMISED},
            "other_findings": len(found.other),
            **figures.summary(recovered, self.cancels),
            **found.facts,
            "blows": blows,
            "kills": sum(count for kind, count in blows.items() if kind.startswith("kill")),
            "requests_unanswered": unanswered,
            "webhook_posts_failed": failed,
            "orphan_files": orphans(self.rows),
            "orphan_drafts": drafts(self.data),
            **{name: round(seconds, 1) for name, seconds in times.items()},
        }
