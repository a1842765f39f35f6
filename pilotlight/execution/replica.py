"""A replica's parent: one thread that leases jobs, has its child run them, and settles them.

Each turn of the loop: wait for something to happen, see what is late, write everything in one
commit, act on what the rows then say. The child may crash, hang or be killed at any moment: what
the rows say stays true. The store may fail for a while: nothing that ended is forgotten.
"""

from __future__ import annotations

import selectors
import shutil
from typing import TYPE_CHECKING, Final

from pilotlight.contracts import events
from pilotlight.execution.background import Background
from pilotlight.execution.drain import Drain
from pilotlight.execution.hearing import Hearing
from pilotlight.execution.ledger import Ledger, Work
from pilotlight.execution.machine import ThisMachine
from pilotlight.execution.news import News
from pilotlight.execution.replica_ports import ReplicaPorts
from pilotlight.execution.settling import apply
from pilotlight.execution.slots import Slots
from pilotlight.observability import logs

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pilotlight.contracts.events import Event
    from pilotlight.contracts.worker import WorkerSpec
    from pilotlight.execution.attempt import Attempt
    from pilotlight.execution.ledger import Written
    from pilotlight.execution.machine import Machine
    from pilotlight.execution.retry import Failure
    from pilotlight.ports.fleet import LoadStep
    from pilotlight.ports.fleet import Stage as ReplicaStage

EXIT_DRAINED: Final = 0
EXIT_LOAD_FAILED: Final = 3
"""The model cannot be loaded here: another replica would fail alike."""
SUPERVISOR_GRACE_S: Final = 5
"""Grace when the supervisor is seen dead: whoever comes next wants the machine."""
_PROGRESS_EVERY_S: Final = 0.5
"""The row's own progress follows the feed's this closely, while there is any."""
_FIRST_PAUSE_S: Final = 0.05
_MAX_PAUSE_S: Final = 2.0
_FAREWELL_S: Final = 5
"""A store that fails may take this long to come back and hear that we are gone."""


__all__ = ["EXIT_DRAINED", "EXIT_LOAD_FAILED", "Replica", "ReplicaPorts"]


class Replica:
    """Runs until it is told to stop, retired, or cannot load its model.

    ``child_argv`` starts the child (see :func:`~pilotlight.execution.child_process.child_argv`);
    ``scratch`` is a folder of its own, removed at the end; ``supervisor_fd`` is an inherited
    pipe whose end means that the supervisor died; ``machine`` replaces the operating system.
    """

    def __init__(
        self,
        replica_id: str,
        spec: WorkerSpec,
        *,
        ports: ReplicaPorts,
        scratch: Path,
        child_argv: Sequence[str],
        rng: random.Random,
        supervisor_fd: int | None = None,
        machine: Machine | None = None,
    ) -> None:
        self.id = replica_id
        self._spec, self._ports, self._clock = spec, ports, ports.clock
        self._settings = ports.settings.replica
        self._scratch, self._supervisor_fd = scratch, supervisor_fd
        self._machine = machine or ThisMachine(child_argv)
        self._selector, self._wake_up = self._machine.selector, self._machine.wake_up
        self._background = Background(self._wake_up.wake, self._machine.pool)
        self._keeper = self._machine.keeper(spec, clock=ports.clock, listener=self)
        self._slots = Slots(
            spec,
            ports,
            background=self._background,
            scratch=scratch,
            rng=rng,
            say=self._keeper.send,
        )
        self._hearing = Hearing(self._slots, worker=spec.name, clock=ports.clock)
        self._ledger = Ledger(replica_id, ports)
        self._news = News(ports.announcer)
        self._drain = Drain(grace_s=self._settings.grace_s)
        self._asked = 0
        self._stage: tuple[ReplicaStage, str] | None = None
        self._step: LoadStep | None = None
        self._poked: set[str] = set()
        self._hint = True
        self._left = False
        self._look_at = 0.0
        self._seen_at = float("-inf")
        self._pause_until = float("-inf")
        self._pause_s = 0.0
        self._exit_code = EXIT_DRAINED

    def stop(self) -> None:
        """Drain and leave; a second call hands everything back now. From any thread or signal."""
        self._asked += 1
        self._wake_up.wake()

    def run(self) -> int:
        """The exit code: 0, or 3 when the model cannot be loaded."""
        self._listen_to(self._wake_up.fileno(), self._wake_up.clear)
        self._listen_to(self._ports.queue.fileno(), self._on_queue)
        if self._supervisor_fd is not None:
            self._listen_to(self._supervisor_fd, self._on_supervisor)
        try:
            with self._machine.signals(self.stop):
                self._start_child()
                while not self._finished():
                    for key, _ in self._selector.select(self._wait_s()):
                        key.data()
                    self._turn()
                self._farewell()
        finally:
            self._close()
        return self._exit_code

    # One turn

    def _turn(self) -> None:
        self._background.take()
        now = self._clock.monotonic()
        self._drain.step(self._slots, asked=self._asked, now=now)
        if self._drain.began and self._stage is None and not self._drain.reported:
            self._stage, self._drain.reported = ("draining", ""), True
        if self._drain.began and not self._left:
            self._left = True
            self._ports.queue.leave()
        self._keeper.check(now)
        if self._slots.check(now):
            self._keeper.replace(None)
        if now >= self._pause_until:
            self._write(now)
        self._run_leased()
        self._slots.drop_gone(now)

    def _write(self, now: float) -> None:
        """Everything of this turn, or nothing: a turn that fails is done again after a pause."""
        work = self._work(now)
        try:
            if self._pause_s:
                self._ledger.hand_back(self._ledger.strays(self._slots.ids))
            self._reread()
            written = self._ledger.write(work, leasing=self._leasing)
        except Exception:  # noqa: BLE001 - a port may fail in its vendor's own words
            self._slots.buffer.put_back(work.entries)
            self._pause(now)
            return
        self._note(work, written, now)
        try:
            changed = apply(written, self._slots, self._ledger, self._ports, now=now)
            changed.update(entry.job_id for entry in work.entries)
            self._run_leased()  # first: the child works while we tell the others
            self._news.add(changed, begun={job.id for job, _ in written.leased}, now=now)
            self._news.tell(now)
        except Exception:  # noqa: BLE001 - as above; what was not reached is done again
            self._pause(now)
        else:
            self._pause_s = 0.0

    def _run_leased(self) -> None:
        if self._keeper.ready and not self._drain.began:
            self._slots.run_waiting(self._clock.monotonic())

    def _pause(self, now: float) -> None:
        logs.failure("replica.write_failed", replica=self.id)
        self._pause_s = min(self._pause_s * 2 or _FIRST_PAUSE_S, _MAX_PAUSE_S)
        self._pause_until = now + self._pause_s

    def _work(self, now: float) -> Work:
        slots = self._slots
        beating = slots.to_beat(now)
        work = Work(
            ended=slots.to_settle(),
            storing=slots.to_store(),
            beating=beating,
            noting=slots.to_note(),
            stage=self._stage,
            step=self._step,
            seen=now >= self._seen_at + self._ports.settings.lease.beat_s,
            busy=slots.ids,
            lingering=sum(attempt.over for attempt in slots),
            times=slots.lease_times(),
        )
        if slots.buffer.due(now, with_others=work.due):
            work.entries = slots.buffer.take(now)
            work.beating = beating or self._progressed(now)
        if self._leasing and (self._hint or work.ended or now >= self._look_at):
            work.want, work.told = slots.free, self._hint
        return work

    def _progressed(self, now: float) -> list[Attempt]:
        """The commit for the feed happens anyway: let the rows' progress ride along."""
        return [
            attempt
            for attempt in self._slots
            if attempt.may_end
            and attempt.progress != attempt.job.progress
            and now - attempt.held_at >= _PROGRESS_EVERY_S
        ]

    @property
    def _leasing(self) -> bool:
        return self._keeper.ready and not self._drain.began

    def _note(self, work: Work, written: Written, now: float) -> None:
        if work.stage is self._stage:
            self._stage = None
        if work.step is self._step:
            self._step = None
        if work.entries:
            self._slots.buffer.written()
        if work.seen or work.stage:
            self._seen_at = now
        if written.retired:
            logs.event("replica.retired", replica=self.id)
            self._drain.retire()
        if work.want:
            self._hint = written.received >= work.want
            self._look_at = now + self._settings.tick_s

    def _reread(self) -> None:
        """Rows somebody pointed at: a cancelled job has to stop now, not at the next beat."""
        for job_id in sorted(self._poked & self._slots.ids):
            attempt = self._slots[job_id]
            if attempt.may_end and not self._ledger.is_mine(attempt):
                ended = self._ledger.is_over(job_id)
                self._slots.forsake(attempt, why="its row moved on", ended=ended)
        self._poked.clear()

    def _wait_s(self) -> float:
        """How long nothing needs doing unless something happens."""
        now = self._clock.monotonic()
        wants = self._leasing and self._slots.free > 0
        times = [
            self._look_at if wants else float("inf"),
            self._keeper.next_check(),
            self._slots.next_check(),
            self._slots.buffer.due_at(),
            self._news.due_at,
            self._drain.next_step(),
        ]
        said = self._stage or self._step or self._poked
        at_once = self._slots.to_settle() or self._slots.to_store() or said
        if at_once or self._slots.to_note() or (wants and self._hint):
            times.append(now)
        soonest = max(min(times), self._pause_until)
        return min(max(0.0, soonest - now), self._settings.tick_s)

    # What happens

    def _on_queue(self) -> None:
        self._poked.update(self._ports.queue.poked())
        self._hint = True

    def _on_supervisor(self) -> None:
        logs.event("replica.supervisor_died", replica=self.id)
        assert self._supervisor_fd is not None
        self._selector.unregister(self._supervisor_fd)
        self._drain.shorten(SUPERVISOR_GRACE_S)
        self._asked = max(self._asked, 1)

    def heed(self, event: Event) -> None:
        self._hearing.heed(event)
        if isinstance(event, events.Failed) and event.fatal:
            logs.event("child.spoilt", replica=self.id)
            self._keeper.replace(None)

    def printed(self, stream: str, line: str) -> None:
        self._hearing.printed(stream, line)

    def child_stepped(self, step: LoadStep) -> None:
        self._step = step

    def child_ready(self) -> None:
        if not self._drain.began:
            self._stage = ("ready", "")

    def child_lost(self, failure: Failure | None) -> None:
        self._slots.child_lost(failure)
        if not self._drain.began:
            self._start_child()

    def load_failed(self, message: str) -> None:
        message = message.encode(errors="replace").decode()
        logs.event("replica.load_failed", replica=self.id, message=message)
        self._slots.child_lost(None)
        self._exit_code = EXIT_LOAD_FAILED
        self._stage, self._drain.reported = ("failed", message), True
        self._drain.give_up()

    def _start_child(self) -> None:
        self._stage = ("loading", "")
        try:
            self._keeper.start()
        except OSError as error:
            self.load_failed(f"the worker's process cannot be started: {error}")

    # The end

    def _finished(self) -> bool:
        settled = not any(attempt for attempt in self._slots if not attempt.over)
        return self._drain.finished(settled=settled, now=self._clock.monotonic())

    def _farewell(self) -> None:
        """Close the model in peace if it is idle, and say in the roster that we are gone."""
        if self._slots.in_child:
            self._keeper.kill()
        else:
            self._keeper.leave()
        if self._exit_code == EXIT_DRAINED:
            self._stage = ("gone", "")
        ends_at = self._clock.monotonic() + _FAREWELL_S
        while (now := self._clock.monotonic()) <= ends_at:
            self._write(now)
            if not self._pause_s:
                break
            self._clock.sleep(self._pause_s)

    def _close(self) -> None:
        self._keeper.kill()
        self._background.close()
        self._ports.queue.close()
        self._selector.close()
        self._wake_up.close()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _listen_to(self, descriptor: int, callback: Callable[[], None]) -> None:
        self._selector.register(descriptor, selectors.EVENT_READ, callback)
