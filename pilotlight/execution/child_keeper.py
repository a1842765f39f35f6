"""Keeps a child running: starts it, watches over it, and says in words how it ended."""

from __future__ import annotations

import os
import selectors
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from pilotlight.contracts import events
from pilotlight.contracts.stages import PROCESS
from pilotlight.errors import OutOfMemory, ReplicaFailure
from pilotlight.execution.child_process import ChildProcess, describe_exit
from pilotlight.execution.retry import Failure
from pilotlight.observability import logs
from pilotlight.ports.fleet import LoadStep

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pilotlight.contracts.events import Event
    from pilotlight.contracts.worker import WorkerSpec
    from pilotlight.execution.child_process import OutputPipe
    from pilotlight.ports.clock import Clock

_PING_S: Final = 5
_MEMORY_EVERY_S: Final = 1
_CLOSE_S: Final = 2
"""A child that is asked to leave may take this long to close its model."""
_GIB: Final = 1024**3


class Listener(Protocol):
    """Who is told what the child does."""

    def heed(self, event: Event) -> None: ...

    def printed(self, stream: str, line: str) -> None:
        """A line on the child's own descriptors."""
        ...

    def child_stepped(self, step: LoadStep) -> None:
        """Its load has come to this, or is over and took this long."""
        ...

    def child_ready(self) -> None: ...

    def child_lost(self, failure: Failure | None) -> None:
        """It is dead; None when not the fault of any job it ran."""
        ...

    def load_failed(self, message: str) -> None:
        """It is dead, and another one would fail to load as well."""
        ...


class ChildKeeper:
    """At most one child at a time. All of it runs on the replica's loop."""

    def __init__(
        self,
        argv: Sequence[str],
        spec: WorkerSpec,
        *,
        clock: Clock,
        selector: selectors.BaseSelector,
        listener: Listener,
        forks: bool = False,
    ) -> None:
        """``forks``: children may be forks of this process, which nobody else runs in."""
        self._forks = forks
        self._argv, self._spec, self._clock = argv, spec, clock
        self._selector, self._listener = selector, listener
        self._child: ChildProcess | None = None
        self._death_fd: int | None = None
        self._started_at = self._heard_at = self._weighed_at = 0.0
        self._process_s = 0.0
        """From the start of the child to its first word; 0 before that."""
        self.ready = False

    @property
    def running(self) -> bool:
        return self._child is not None

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    def start(self) -> None:
        """Start a child; it begins to load at once."""
        ping_s = min(_PING_S, self._spec.hang_timeout_s / 4)
        child = self._child = ChildProcess(self._argv, ping_s=ping_s, fork=self._forks)
        self._started_at = self._heard_at = self._clock.monotonic()
        self._process_s = 0.0
        self.ready = False
        self._watch(child.end.fileno(), partial(self._on_socket, child))
        for pipe in child.outputs:
            self._watch(pipe.fileno(), partial(self._on_output, child, pipe))
        if hasattr(os, "pidfd_open"):  # Linux: helpers may hold the socket open after its death
            self._death_fd = os.pidfd_open(child.pid)
            self._watch(self._death_fd, partial(self._on_death, child))
        logs.event("child.started", worker=self._spec.name, pid=child.pid)

    def _watch(self, descriptor: int, callback: Callable[[], None]) -> None:
        self._selector.register(descriptor, selectors.EVENT_READ, callback)

    def send(self, event: Event) -> None:
        """Never blocks; nothing happens without a child."""
        if self._child is None:
            return
        self._child.send(event)
        self._ask_to_write(self._child)

    def _ask_to_write(self, child: ChildProcess) -> None:
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if child.end.unsent else 0)
        key = self._selector.get_key(child.end.fileno())
        if key.events != wanted:
            self._selector.modify(child.end.fileno(), wanted, key.data)

    def _on_socket(self, child: ChildProcess) -> None:
        if child is not self._child:
            return  # it died earlier in this turn
        if child.end.unsent:
            child.end.flush()
            self._ask_to_write(child)
        if self._heed_all(child):
            self._on_death(child)

    def _heed_all(self, child: ChildProcess) -> bool:
        """Pass on what it said; whether it has hung up."""
        try:
            received, ended = child.end.receive()
        except (ValueError, KeyError, TypeError):
            logs.failure("child.garbled", worker=self._spec.name)
            self.replace(Failure.of(ReplicaFailure("the worker's process garbled its messages")))
            return False
        if received:
            self._heard_at = self._clock.monotonic()
        if any(isinstance(event, events.Done | events.Failed) for event in received):
            self._read_outputs(child)  # what a job printed belongs to it, not to the next
        for event in received:
            self._heed(event)
        return ended

    def _heed(self, event: Event) -> None:
        match event:
            case events.Ready(load_s=load_s, stages=stages):
                self.ready = True
                logs.event("child.ready", worker=self._spec.name, load_s=round(load_s, 3))
                took = {PROCESS: self._process_s, **stages}
                self._listener.child_stepped(LoadStep("ready", took=took))
                self._listener.child_ready()
            case events.LoadFailed(message=message):
                self._bury()
                self._listener.load_failed(message)
            case events.Loading(stage=stage, fraction=fraction):
                if self._process_s == 0.0:
                    self._process_s = self._clock.monotonic() - self._started_at
                self._listener.child_stepped(LoadStep(stage, fraction))
            case events.Ping():
                pass
            case _:
                self._listener.heed(event)

    def _on_output(self, child: ChildProcess, pipe: OutputPipe) -> None:
        if child is not self._child:
            return
        for line in pipe.read():
            self._listener.printed(pipe.name, line)
        if pipe.ended:
            self._selector.unregister(pipe.fileno())

    def _read_outputs(self, child: ChildProcess) -> None:
        for pipe in child.outputs:
            for line in pipe.read():
                self._listener.printed(pipe.name, line)

    def _on_death(self, child: ChildProcess) -> None:
        if child is self._child:
            self._heed_all(child)  # its last words may include a result
        if child is not self._child:
            return
        was_ready = self.ready
        words = f"the worker's process {describe_exit(self._bury())}"
        if not was_ready:
            self._listener.load_failed(f"{words} while it loaded")
        else:
            self._listener.child_lost(Failure.of(ReplicaFailure(words)))

    def check(self, now: float) -> None:
        """Kill a child that loads or hangs too long, or holds too much memory."""
        if self._child is None:
            return
        spec = self._spec
        if not self.ready:
            if now - self._started_at > spec.load_timeout_s:
                self._bury()
                self._listener.load_failed(
                    f"not loaded within {spec.load_timeout_s} s, its load_timeout_s"
                )
        elif now - self._heard_at > spec.hang_timeout_s and not self._spoke(self._child):
            words = f"the worker's process did not answer for {spec.hang_timeout_s} s"
            self.replace(Failure.of(ReplicaFailure(words)))
        elif spec.memory_limit_gib and now - self._weighed_at >= _MEMORY_EVERY_S:
            self._weighed_at = now
            resident = self._child.resident_bytes() or 0
            if resident > spec.memory_limit_gib * _GIB:
                words = f"used {resident / _GIB:.1f} of {spec.memory_limit_gib:g} GiB of memory"
                self.replace(Failure.of(OutOfMemory(words)))

    def _spoke(self, child: ChildProcess) -> bool:
        """After a pause of our own: whether it has answered, only we have not listened."""
        heard_at = self._heard_at
        self._heed_all(child)
        return self._heard_at > heard_at or child is not self._child

    def next_check(self) -> float:
        """Monotonic seconds; infinity without a child."""
        if self._child is None:
            return float("inf")
        if not self.ready:
            return self._started_at + self._spec.load_timeout_s
        hang = self._heard_at + self._spec.hang_timeout_s
        weigh = self._weighed_at + _MEMORY_EVERY_S
        return min(hang, weigh) if self._spec.memory_limit_gib else hang

    def replace(self, failure: Failure | None) -> None:
        """Kill the child; the listener learns of it and may start another."""
        if self._child is not None:
            self._bury()
            self._listener.child_lost(failure)

    def leave(self) -> None:
        """Ask an idle child to close its model and exit; kill it when it does not."""
        if self._child is not None and self.ready:
            self._child.send(events.Leave())
            self._child.wait(_CLOSE_S)
        self.kill()

    def kill(self) -> None:
        """End the child without telling anybody."""
        if self._child is not None:
            self._bury()

    def _bury(self) -> int | None:
        """Kill, read what it still printed, and close; its exit status."""
        assert self._child is not None
        child, self._child, self.ready = self._child, None, False
        status = child.end_now()
        for pipe in child.outputs:
            for line in pipe.rest():
                self._listener.printed(pipe.name, line)
        ours = [child.end.fileno(), *(pipe.fileno() for pipe in child.outputs)]
        if self._death_fd is not None:
            ours.append(self._death_fd)
        registered = self._selector.get_map()
        for descriptor in ours:
            if descriptor in registered:
                self._selector.unregister(descriptor)
        child.close()
        if self._death_fd is not None:
            os.close(self._death_fd)
            self._death_fd = None
        logs.event("child.ended", worker=self._spec.name, pid=child.pid, status=status)
        return status
