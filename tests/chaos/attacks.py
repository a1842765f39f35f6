"""What befalls the processes of a running product, drawn from a seed.

Only processes whose command names their replica are ever signalled. A process without room can
write to no file, the job table among them: its store fails. Whatever was stopped or confined is
let go when the storm is over.
"""

from __future__ import annotations

import contextlib
import random
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tests.chaos.rows import Rows, alive, children, confine, let_go, send

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.chaos.outsiders import Outsiders
    from tests.live import Live

_KINDS: Final = {
    "kill -9 parent": 5,
    "kill -9 child": 4,
    "kill -9 outsider": 3,
    "SIGSTOP parent": 2,
    "SIGSTOP child": 1,
    "SIGTERM parent": 2,
    "no room parent": 3,
    "no room up": 1,
}
_NO_ROOM_S: Final = (0.3, 3.0)
_OUTSIDERS: Final = 2


@dataclass(frozen=True)
class Blow:
    """``owner`` is the replica that was struck, empty for all of them."""

    kind: str
    owner: str
    at: float


@dataclass
class Attacks:
    """Runs on a thread of its own between ``start`` and ``stop``.

    ``gap_s`` is the mean time between two blows, ``longest_pause_s`` that of a stopped process.
    """

    live: Live
    rows: Rows
    outsiders: Outsiders
    seed: int
    worker: str
    slots: int
    gap_s: float
    longest_pause_s: float
    blows: list[Blow] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _stopped: dict[int, float] = field(default_factory=dict)
    """Processes that stand still, and when they go on."""
    _confined: dict[int, float] = field(default_factory=dict)
    """Processes that may write nothing, and until when."""
    _whole: list[Callable[[], None]] = field(default_factory=list)
    _failure: BaseException | None = None

    def __post_init__(self) -> None:
        self._rng = random.Random(f"attacks {self.seed}")
        self._thread = threading.Thread(target=self._live_on, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """The sky clears: everything that stood still goes on. Raises what went wrong."""
        self.end()
        self._go_on(float("inf"))
        if self._failure is not None:
            raise self._failure

    def end(self) -> None:
        """Strike no more, whatever was struck."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def later(self, blow: str) -> None:
        """Ask for ``kill -9 up`` or ``kill -9 everything`` as the next blow."""
        acts = {"kill -9 up": self._kill_up, "kill -9 everything": self._kill_everything}
        self._whole.append(acts[blow])

    @property
    def idle(self) -> bool:
        """Nothing that was asked for is still to come, or nothing will come any more."""
        return not self._whole or not self._thread.is_alive()

    def counts(self) -> dict[str, int]:
        return dict(sorted(Counter(blow.kind for blow in self.blows).items()))

    def _live_on(self) -> None:
        try:
            while not self._stop.wait(self._rng.expovariate(1 / self.gap_s)):
                self._step()
        except BaseException as error:  # noqa: BLE001 - told by ``stop``
            self._failure = error

    def _step(self) -> None:
        self._go_on(time.monotonic())
        self.outsiders.tidy()
        if self._whole:
            self._whole[0]()
            self._whole.pop(0)
            return
        if len(self.outsiders.running) < _OUTSIDERS:
            self.outsiders.start(self.worker, slots=self.slots)
        (kind,) = self._rng.choices(tuple(_KINDS), tuple(_KINDS.values()))
        if kind == "kill -9 outsider":
            self._kill_outsider(kind)
            return
        if kind == "no room up" and self.live.process is not None:
            self._confine(kind, "", self.live.process.pid)
            return
        # A child that replaces a killed one would be born without room.
        there = [one for one in self.rows.replicas(self.worker) if one[1] not in self._confined]
        if there:
            replica_id, pid = self._rng.choice(there)
            self._strike(kind, replica_id, pid)

    def _confine(self, kind: str, replica_id: str, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            confine(pid)
            self.blows.append(Blow(kind, replica_id, time.time()))
            self._confined[pid] = time.monotonic() + self._rng.uniform(*_NO_ROOM_S)

    def _strike(self, kind: str, replica_id: str, parent: int) -> None:
        if kind == "no room parent":
            self._confine(kind, replica_id, parent)
            return
        name, _, whom = kind.rpartition(" ")
        victims = children(parent)[:1] if whom == "child" else [parent]
        number = {"kill -9": signal.SIGKILL, "SIGSTOP": signal.SIGSTOP, "SIGTERM": signal.SIGTERM}
        for pid in victims:
            at = time.time()
            if send(pid, number[name]):
                self.blows.append(Blow(kind, replica_id, at))
                if name == "SIGSTOP":
                    pause_s = self.longest_pause_s * self._rng.random() ** 3
                    self._stopped[pid] = time.monotonic() + pause_s

    def _kill_outsider(self, kind: str) -> None:
        ready = [one for one in self.outsiders.running if self.outsiders.ready(one)]
        if ready:
            one, at = self._rng.choice(ready), time.time()
            if self.outsiders.kill(one):
                self.blows.append(Blow(kind, one.id, at))

    def _kill_up(self) -> None:
        assert self.live.process is not None
        self.blows.append(Blow("kill -9 up", "", time.time()))
        self.live.process.kill()
        self.live.process.wait()
        self.live.start()

    def _kill_everything(self) -> None:
        self.blows.append(Blow("kill -9 everything", "", time.time()))
        self.live.kill_everything()
        self._stopped.clear()
        self.live.start()

    def _go_on(self, now: float) -> None:
        for pid, until in list(self._confined.items()):
            if until <= now:
                del self._confined[pid]
                let_go(pid)
        for pid, until in list(self._stopped.items()):
            if until <= now:
                del self._stopped[pid]
                if alive(pid):
                    send(pid, signal.SIGCONT)
