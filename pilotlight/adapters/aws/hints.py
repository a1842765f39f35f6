"""The hints that a replica has in hand, between whoever polls SQS and the replica's loop.

The replica's side never waits: what has to be said to SQS is said on threads of our own. The
polling side asks for no more than the replica would take now, so that no message lies here while
another replica could run it; one that nobody takes all the same is given back.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pilotlight.errors import Unavailable
from pilotlight.observability import logs
from pilotlight.ports.queue import Delivery

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pilotlight.adapters.aws.receipts import Receipts
    from pilotlight.ports.clock import Clock

PATIENCE_S: Final = 5.0
"""A replica that may lease looks every half second; one that does not for so long reloads."""
_LONGEST_S: Final = 43_200 - 60
"""SQS hides a message for twelve hours in all; then it comes again and the row refuses it."""
_THREADS: Final = 4


@dataclass(slots=True, eq=False)
class Hint:
    """One received message. Times are monotonic seconds."""

    job_id: str
    handle: str
    arrived_at: float
    visible_at: float
    """Others may have it from then on."""
    over: threading.Event = field(default_factory=threading.Event)
    """Set when whoever carries it need not wait any more."""


class Hints:
    """``slots``: hints that may be carried at a time; ``on_room`` may be called by any thread."""

    def __init__(
        self,
        receipts: Receipts,
        clock: Clock,
        *,
        slots: int,
        visibility_s: float,
        patience_s: float = PATIENCE_S,
        may_lease: Callable[[], bool] = lambda: True,
    ) -> None:
        """``may_lease``: while it says no, nothing is asked for and nothing handed out."""
        self._receipts, self._clock = receipts, clock
        self._slots, self._visibility_s, self._patience_s = slots, visibility_s, patience_s
        self._may_lease = may_lease
        self._lock = threading.Lock()
        self._inbox: deque[Hint] = deque()
        self._held: dict[str, Hint] = {}
        self._carried: deque[Hint] = deque()
        self._wanted = 0
        self._left = False
        self._settling = ThreadPoolExecutor(_THREADS, thread_name_prefix="settle")
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)
        self._theirs.setblocking(False)
        self.on_room: Callable[[], None] = lambda: None
        """Called when there is room after there was none."""

    # The side of whoever polls

    @property
    def room(self) -> int:
        """How many more messages the replica would take now."""
        with self._lock:
            return self._room()

    def _room(self) -> int:
        return 0 if self._left else max(0, self._wanted - len(self._inbox))

    @property
    def left(self) -> bool:
        return self._left

    def arrived(self, job_id: str, handle: str, *, carried: bool = False) -> Hint:
        """A message was received; the replica is woken. After ``leave`` it is given back at once.

        ``carried``: the caller is going to :meth:`carry` it.
        """
        now = self._clock.monotonic()
        hint = Hint(job_id, handle, now, now + self._visibility_s)
        with self._lock:
            if self._left:
                self._give_back(hint)
                return hint
            self._inbox.append(hint)
            if carried:
                self._carried.append(hint)
        self._wake()
        return hint

    def carry(self, hint: Hint) -> None:
        """Return when the hint is settled, let go, or not ours any more."""
        if not hint.over.wait(self._patience_s):
            self.withdraw(hint)
        while (left_s := hint.visible_at - self._clock.monotonic()) > 0:
            if hint.over.wait(left_s):
                break
        with self._lock, contextlib.suppress(ValueError):
            self._carried.remove(hint)

    def withdraw(self, hint: Hint) -> None:
        """Nobody took it in time: others may have it, and no more is asked for until somebody
        looks again.
        """
        with self._lock:
            if hint in self._inbox:
                self._inbox.remove(hint)
                self._wanted = 0
                self._give_back(hint)

    def stale(self) -> list[Hint]:
        """Those that nobody took in time."""
        old = self._clock.monotonic() - self._patience_s
        with self._lock:
            return [hint for hint in self._inbox if hint.arrived_at <= old]

    # The replica's side

    def take(self, limit: int) -> list[Delivery]:
        limit = limit if self._may_lease() else 0
        with self._lock:
            had_room = self._room() > 0
            taken = [self._inbox.popleft() for _ in range(min(limit, len(self._inbox)))]
            self._held |= {hint.handle: hint for hint in taken}
            self._wanted = limit - len(taken)
            self._let_go()
            has_room = self._room() > 0
        if has_room and not had_room:
            self.on_room()
        return [Delivery(hint.job_id, hint.handle) for hint in taken]

    def _let_go(self) -> None:
        """A job whose outputs are being stored leaves its carrier to the next one."""
        over = len(self._carried) + self._wanted - self._slots
        held = [hint for hint in self._carried if hint.handle in self._held]
        for hint in held[: max(0, over)]:
            self._carried.remove(hint)
            hint.over.set()

    def fileno(self) -> int:
        return self._ours.fileno()

    def heard(self) -> None:
        """Drain the wake-ups."""
        with contextlib.suppress(BlockingIOError):
            while self._ours.recv(4096):
                pass

    def extend(self, deliveries: Sequence[Delivery], *, seconds: float) -> None:
        """Raises Unavailable; a message that SQS will not hide any longer just comes again."""
        now = self._clock.monotonic()
        with self._lock:
            held = [self._held[d.token] for d in deliveries if d.token in self._held]
        wished = {hint.handle: self._extension(hint, seconds, now) for hint in held}
        wished = {handle: length for handle, length in wished.items() if length > 0}
        if not wished:
            return
        refused = set(self._receipts.keep(wished))
        for hint in held:
            if hint.handle in wished and hint.handle not in refused:
                hint.visible_at = now + wished[hint.handle]
        if refused:
            logs.event("queue.extend_refused", jobs=[h.job_id for h in held if h.handle in refused])

    def _extension(self, hint: Hint, seconds: float, now: float) -> int:
        wish = max(seconds, self._visibility_s)
        return int(min(wish, hint.arrived_at + _LONGEST_S - now))

    def ack(self, delivery: Delivery) -> None:
        hint = self._settled(delivery)
        if hint is not None:
            self._say(self._receipts.delete, hint)

    def release(self, delivery: Delivery) -> None:
        hint = self._settled(delivery)
        if hint is not None:
            self._give_back(hint)

    def _settled(self, delivery: Delivery) -> Hint | None:
        with self._lock:
            return self._held.pop(delivery.token, None)

    def leave(self) -> None:
        """No more: what nobody took goes back to others, and so does what still arrives."""
        with self._lock:
            self._left = True
            while self._inbox:
                self._give_back(self._inbox.popleft())

    def abandon(self) -> None:
        """Nobody waits for anything any more; what is still held becomes visible by itself."""
        self.leave()
        with self._lock:
            for hint in self._held.values():
                hint.over.set()

    def close(self) -> None:
        """Return when SQS knows everything."""
        self.abandon()
        self._settling.shutdown()
        self._ours.close()
        self._theirs.close()

    def _give_back(self, hint: Hint) -> None:
        self._say(self._receipts.give_back, hint)

    def _say(self, settle: Callable[[str], None], hint: Hint) -> None:
        hint.over.set()

        def say() -> None:
            try:
                settle(hint.handle)
            except Unavailable as error:
                logs.event("queue.settle_failed", job_id=hint.job_id, error=str(error))

        try:
            self._settling.submit(say)
        except RuntimeError:  # closed: it becomes visible by itself
            logs.event("queue.settled_too_late", job_id=hint.job_id)

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            self._theirs.send(b"\0")
