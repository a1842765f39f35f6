"""The process that owns the model: loads it once, then runs what the parent says.

Started by a replica as ``python -m pilotlight.execution.child``; it speaks
:mod:`pilotlight.contracts.events` over one socket, and nothing else it does is trusted: whatever
happens in here, the parent keeps the account.

Threads: the main one loads the model and then serves the first slot, one more for each further
slot, and the control thread pings, and reads the parent's words while the others work. The process
never outlives its parent: the socket's end and, on Linux, the parent-death signal end it at once.
"""

from __future__ import annotations

import argparse
import contextvars
import ctypes
import faulthandler
import os
import signal
import socket
import sys
import threading
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final, NoReturn

from pilotlight import catalogue
from pilotlight.contracts import events
from pilotlight.contracts.stages import stage
from pilotlight.errors import HandedBack, PilotlightError
from pilotlight.execution import child_run
from pilotlight.execution.child_context import AttemptContext
from pilotlight.execution.child_ear import Ear
from pilotlight.execution.child_logs import JobStream, current_job, send_traceback
from pilotlight.execution.child_stages import Stages
from pilotlight.execution.framing import ChildEnd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pilotlight.contracts.events import Event
    from pilotlight.contracts.worker import Worker

EXIT_LOAD_FAILED: Final = 3
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NAME: Final = 15
"""prctl(2)."""


class Child:
    """The state of the process: the worker, the jobs that run, the way to the parent."""

    def __init__(self, end: ChildEnd, *, ping_s: float) -> None:
        self._end = end
        self._ping_s = ping_s
        self._ear: Ear[events.Run | events.Switch | None] = Ear(end, self._heed)
        self._running: dict[str, AttemptContext] = {}
        self._loop = child_run.LoopThread()
        self._streams: list[JobStream] = []
        self._slots = 1
        self._worker: Worker[Any, Any]

    def capture_output(self) -> None:
        """From now on ``print`` reaches the log of the job that prints."""
        raws = {"stdout": sys.stdout.buffer, "stderr": sys.stderr.buffer}
        self._streams = [
            JobStream(name, self._send, only_job=self._only_job, raw=raw)
            for name, raw in raws.items()
        ]
        sys.stdout, sys.stderr = self._streams

    def serve(self, name: str, packages: Sequence[str]) -> int:
        """Load, run jobs until asked to leave; the exit code."""
        self._start_listening()
        if not self._load(name, packages):
            return EXIT_LOAD_FAILED
        self._slots = self._worker.spec.jobs_per_replica
        for slot in range(1, self._slots):
            threading.Thread(target=self._work, name=f"slot-{slot}", daemon=True).start()
        self._work()
        self._worker.close()
        return 0

    def _start_listening(self) -> None:
        threading.Thread(target=self._listen, name="control", daemon=True).start()

    def _load(self, name: str, packages: Sequence[str]) -> bool:
        began = time.monotonic()
        stages = Stages(self._send)
        try:
            with stages.listen():
                with stage("imports"):
                    self._worker = catalogue.find(packages, name)()
                child_run.load(self._worker, self._loop)
        except BaseException as error:  # noqa: BLE001 - a model may fail to load in any way
            code = error.code if isinstance(error, PilotlightError) else "load_failed"
            send_traceback(self._send, "", error)
            self._send(events.LoadFailed(code, child_run.why_not_loaded(error)))
            return False
        self._send(events.Ready(time.monotonic() - began, stages.took))
        return True

    def _work(self) -> None:
        """One slot: run job after job; the end of the first slot is the end of the process."""
        while (word := self._next()) is not None:
            contextvars.copy_context().run(self._take, word)

    def _next(self) -> events.Run | events.Switch | None:
        if self._slots > 1:
            return self._ear.take()
        try:
            return self._ear.wait()
        except (OSError, EOFError):
            _vanish()

    def _take(self, word: events.Run | events.Switch) -> None:
        assert isinstance(word, events.Run)  # only a pooled host's child has models to switch
        self._run(word)

    def _run(self, run: events.Run) -> None:
        current_job.set(run.job_id)
        context = self._running[run.job_id]
        began = time.monotonic()
        try:
            endpoint = child_run.endpoint_of(self._worker.spec, run.endpoint)
            job_input = child_run.parse_input(endpoint.input, run.input)
            context.check()
            output = child_run.perform(
                self._worker, job_input, context, output=endpoint.output, loop=self._loop
            )
            ended: Event = events.Done(run.job_id, output, time.monotonic() - began)
        except HandedBack:
            ended = events.HandedBack(run.job_id)
        except BaseException as error:  # noqa: BLE001 - a model may fail to run in any way
            ended = self._failed(run.job_id, error)
        for stream in self._streams:
            stream.finish(run.job_id)
        del self._running[run.job_id]
        self._send(ended)

    def _failed(self, job_id: str, error: BaseException) -> events.Failed:
        failure, fatal = child_run.failure_of(error)
        if not isinstance(error, PilotlightError):
            send_traceback(self._send, job_id, error)
        return events.Failed(
            job_id, asdict(failure.error), failure.retryable, fatal, failure.retry_after_s
        )

    def _listen(self) -> None:
        """The control thread: it must answer whatever the model does."""
        try:
            pinged = float("-inf")
            while True:
                now = time.monotonic()
                if now - pinged >= self._ping_s:
                    self._end.send(events.Ping())
                    pinged = now
                self._ear.listen(max(0.0, pinged + self._ping_s - now))
        except (OSError, EOFError):
            _vanish()

    def _heed(self, event: Event) -> None:
        match event:
            case events.Run():
                self._running[event.job_id] = AttemptContext(event, self._send)
                self._ear.put(event)
            case events.Cancel() | events.Notice():
                self._called_off(event)
            case events.Noted() | events.Saved():
                self._answered(event)
            case events.Leave():
                for _ in range(self._slots):
                    self._ear.put(None)
            case _:
                raise OSError(f"the parent said {type(event).__name__}")

    def _called_off(self, event: events.Cancel | events.Notice) -> None:
        if isinstance(event, events.Notice):
            for running in list(self._running.values()):
                running.leaving = True
            return
        context = self._running.get(event.job_id)
        if context is not None:
            context.cancel(over=event.over)

    def _answered(self, event: events.Noted | events.Saved) -> None:
        context = self._running.get(event.job_id)
        if context is None:
            return  # the job has ended meanwhile
        if isinstance(event, events.Saved):
            context.saved(event.problem)
        else:
            context.noted()

    def _only_job(self) -> str:
        """The job of a line printed outside of any, if there is no doubt."""
        running = list(self._running)
        return running[0] if len(running) == 1 else ""

    def _send(self, event: Event) -> None:
        try:
            self._end.send(event)
        except OSError:
            _vanish()


def _vanish() -> NoReturn:
    """The parent is gone: so are we, whatever the model is doing."""
    os._exit(1)


def _ignore(_number: int, _frame: object) -> None:
    """The parent decides. A handler, since what is merely ignored stays so in our own children."""


def _tell_the_system(worker: str) -> None:
    """Its name in ``ps`` and ``top``, and that it dies with its parent.

    A process that is stopped or holds the interpreter cannot notice the socket's end.
    """
    if sys.platform == "linux":
        system = ctypes.CDLL(None)
        system.prctl(_PR_SET_NAME, f"model {worker}".encode())
        system.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def run_child(kind: type[Child], argv: Sequence[str] | None = None) -> int:
    """The exit code of the process; ``kind`` is what it does with its models."""
    parser = argparse.ArgumentParser(prog="pilotlight.execution.child")
    parser.add_argument("worker")
    parser.add_argument("--packages", required=True, help="comma-separated")
    parser.add_argument("--socket", type=int, required=True, help="inherited descriptor")
    parser.add_argument("--ping-s", type=float, required=True)
    args = parser.parse_args(argv)
    _tell_the_system(args.worker)
    for ours in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ours, _ignore)
    faulthandler.enable()
    os.set_inheritable(args.socket, False)
    child = kind(ChildEnd(socket.socket(fileno=args.socket)), ping_s=args.ping_s)
    child.capture_output()
    return child.serve(args.worker, args.packages.split(","))


if __name__ == "__main__":
    sys.exit(run_child(Child))
if __name__ == "__mp_main__":  # a process that the model's library spawned, as vLLM does
    child_run.outlive_nobody()
