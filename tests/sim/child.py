"""The child process of a replica, as its parent sees it, and the models' behaviour.

An input says how long its job takes and how it ends; what the simulated child answers carries
job and fence, so that a result can be traced to the attempt that made it.
"""

from __future__ import annotations

import json
import selectors
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pilotlight.contracts import events
from pilotlight.contracts.job import JobError
from pilotlight.errors import Cancelled, InvalidInput, OutOfMemory, ReplicaFailure
from pilotlight.execution.retry import GPU_ERROR, Failure
from tests.sim.world import Violation

if TYPE_CHECKING:
    from collections.abc import Callable

    from pilotlight.contracts.events import Event
    from pilotlight.contracts.worker import WorkerSpec
    from pilotlight.execution.child_keeper import Listener
    from tests.sim.faults import Faults
    from tests.sim.machine import SimSelector
    from tests.sim.process import Process
    from tests.sim.world import World

_INFINITE: Final = float("inf")


class Models:
    """What every child does, and what all of them together did."""

    def __init__(self, world: World, faults: Faults) -> None:
        self.world, self.faults = world, faults
        self.runs: dict[str, int] = {}
        """How often each job was begun."""
        self.running: dict[tuple[str, int], float] = {}
        """Attempts that some child works on now, since when."""
        self.stale_since: dict[tuple[str, int], tuple[float, str]] = {}
        self.cancelled_run_s = 0.0
        """Seconds children worked on for jobs that were cancelled."""
        self.overlap_s = 0.0
        """Seconds children worked on under a fence that was old already."""
        self.paid: dict[str, int] = {}
        """How often each job had something done elsewhere that costs money."""
        self._listeners: list[Callable[[str, int], None]] = []

    def tell_ends(self, listener: Callable[[str, int], None]) -> None:
        """Told of job and fence when a child is about to stop working on them."""
        self._listeners.append(listener)

    def pay(self, job_id: str) -> None:
        self.paid[job_id] = self.paid.get(job_id, 0) + 1
        if self.paid[job_id] > 1:
            self.world.accuse(Violation("I10", f"{job_id} has paid twice for the same"))

    def begin(self, job_id: str, fence: int) -> None:
        self.runs[job_id] = self.runs.get(job_id, 0) + 1
        self.running[job_id, fence] = self.world.now

    def end(self, job_id: str, fence: int) -> None:
        for tell in self._listeners:
            tell(job_id, fence)
        self.running.pop((job_id, fence), None)
        since, why = self.stale_since.pop((job_id, fence), (self.world.now, ""))
        self.overlap_s += self.world.now - since
        if why == "T12":
            self.cancelled_run_s += self.world.now - since

    def fence_rose(self, job_id: str, old: int, why: str) -> None:
        if (job_id, old) in self.running:
            self.stale_since.setdefault((job_id, old), (self.world.now, why))


class _Child:
    def __init__(self, keeper: SimKeeper) -> None:
        self._keeper, self._models = keeper, keeper.models
        self._world = keeper.models.world
        self.jobs: dict[str, events.Run] = {}

    def run(self, run: events.Run) -> None:
        wanted = json.loads(run.input)
        self.jobs[run.job_id] = run
        self._models.begin(run.job_id, run.fence)
        seconds, fate = wanted["seconds"], wanted["fate"]
        if fate == "hang" and self._models.faults.has("failing models"):
            return
        if wanted.get("pays") and not run.note:
            # Whoever comes after it must know before anything is paid.
            note = events.Note(run.job_id, f"paid under {run.fence}")
            self._world.after(seconds / 4, lambda: self._say(run, note))
        if seconds > 5:
            half = events.Progress(run.job_id, 0.5, "half")
            self._world.after(seconds / 2, lambda: self._say(run, half))
        if fate == "poison" and self._models.faults.has("poison"):
            self._models.faults.count("poison")
            self._world.after(seconds / 2, lambda: self._explode(run))
        self._world.after(seconds, lambda: self._finish(run, wanted))

    def noted(self, job_id: str) -> None:
        if job_id in self.jobs:
            self._models.pay(job_id)

    def _runs(self, run: events.Run) -> bool:
        return self._keeper.child is self and self.jobs.get(run.job_id) is run

    def _say(self, run: events.Run, event: Event) -> None:
        if self._runs(run):
            self._keeper.hear(self, event)

    def _explode(self, run: events.Run) -> None:
        if self._runs(run):
            self._keeper.process.kill("a poison job")

    def _finish(self, run: events.Run, wanted: dict[str, object]) -> None:
        if not self._runs(run):
            return
        self._close(run.job_id)
        fate = str(wanted["fate"]) if self._models.faults.has("failing models") else "ok"
        answer = _failed(run, fate)
        if answer == "death":
            self._keeper.hear(self, None)
        else:
            self._keeper.hear(self, answer or _done(run, wanted))

    def cancel(self, job_id: str) -> None:
        """A model stops between two steps; one that hangs never does."""
        run = self.jobs.get(job_id)
        if run is None:
            return
        if json.loads(run.input)["fate"] == "hang" and self._models.faults.has("failing models"):
            return

        def stop() -> None:
            if self._runs(run):
                self._close(job_id)
                error = asdict(JobError.of(Cancelled("the job was cancelled while it ran")))
                self._keeper.hear(self, events.Failed(job_id, error))

        self._world.after(self._world.rng.uniform(0.1, 2.5), stop)

    def _close(self, job_id: str) -> None:
        run = self.jobs.pop(job_id)
        self._models.end(job_id, run.fence)

    def die(self) -> None:
        for job_id in list(self.jobs):
            self._close(job_id)


_LATER: Final = JobError("worker_error", "try again later", 500)
_FAILS: Final[dict[str, tuple[JobError, bool, bool]]] = {
    "user": (JobError.of(InvalidInput("the prompt is refused")), False, False),
    "app": (_LATER, True, False),
    "always": (_LATER, True, False),
    "memory": (JobError.of(OutOfMemory("16 GiB wanted, 8 free")), True, False),
    "gpu": (JobError(GPU_ERROR, "CUDA error: an illegal memory access"), True, True),
}
"""Error, whether it is retryable, whether the child is spoilt."""
_ONCE: Final = {"app", "gpu", "crash"}


def _failed(run: events.Run, fate: str) -> Event | str | None:
    """How the attempt fails, or ``death``; None: it does not."""
    if (fate in _ONCE and run.attempt > 1) or (fate == "memory" and run.low_memory):
        return None
    if fate == "crash":
        return "death"
    if fate not in _FAILS:
        return None
    error, retryable, fatal = _FAILS[fate]
    return events.Failed(run.job_id, asdict(error), retryable=retryable, fatal=fatal)


def signature(job_id: str, fence: int) -> str:
    return f"{job_id}/{fence}"


def _done(run: events.Run, wanted: dict[str, object]) -> Event:
    output: dict[str, object] = {"text": signature(run.job_id, run.fence)}
    if wanted["makes_file"]:
        folder = Path(run.folder)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "out.txt"
        path.write_text(signature(run.job_id, run.fence))
        output["file"] = {"url": f"file://{path}", "content_type": "text/plain"}
    return events.Done(run.job_id, json.dumps(output), run_s=float(str(wanted["seconds"])))


class SimKeeper:
    """Says to its listener what the real keeper would."""

    def __init__(
        self,
        spec: WorkerSpec,
        *,
        process: Process,
        listener: Listener,
        selector: SimSelector,
        models: Models,
    ) -> None:
        self.process, self.models = process, models
        self._spec, self._listener, self._selector = spec, listener, selector
        self._world = process.world
        self._inbox: list[Event | None] = []
        self._descriptor = selector.descriptor()
        selector.register(self._descriptor, selectors.EVENT_READ, self._on_words)
        process.on_death(self._bury)
        self.child: _Child | None = None
        self.ready = False

    def start(self) -> None:
        child = self.child = _Child(self)
        self.ready = False
        self._inbox.clear()
        load_s = self._world.rng.uniform(0.5, 4)
        if self.models.faults.happens("failing loads", 0.05):
            word: Event = events.LoadFailed("weights_missing", "the weights are not there")
        else:
            word = events.Ready(load_s)
        self._world.after(load_s, lambda: self.hear(child, word))

    def hear(self, child: _Child, word: Event | None) -> None:
        """The child says something; None: it is dead."""
        if child is self.child and self.process.alive:
            self._inbox.append(word)
            self._selector.poke(self._descriptor)

    def _on_words(self) -> None:
        child = self.child
        words, self._inbox = self._inbox, []
        for word in words:
            if self.child is child:
                self._heed(word)

    def _heed(self, word: Event | None) -> None:
        match word:
            case None:
                self._bury()
                self._listener.child_lost(Failure.of(ReplicaFailure("the child died")))
            case events.Ready():
                self.ready = True
                self._listener.child_ready()
            case events.LoadFailed(message=message):
                self._bury()
                self._listener.load_failed(message)
            case _:
                self._listener.heed(word)

    def send(self, event: Event) -> None:
        if self.child is None:
            return
        match event:
            case events.Run():
                self.child.run(event)
            case events.Cancel(job_id=job_id):
                self.child.cancel(job_id)
            case events.Noted(job_id=job_id):
                self.child.noted(job_id)

    def check(self, now: float) -> None:
        """Nothing to see from outside: hangs show as run timeouts."""

    def next_check(self) -> float:
        return _INFINITE

    def replace(self, failure: Failure | None) -> None:
        if self.child is not None:
            self._bury()
            self._listener.child_lost(failure)

    def leave(self) -> None:
        self._bury()

    def kill(self) -> None:
        self._bury()

    def _bury(self) -> None:
        child, self.child, self.ready = self.child, None, False
        if child is not None:
            child.die()
