"""Celery's consumer as a replica's ear: its event loop on one thread, its tasks on one per slot.

A task hands its message to the replica and waits until the replica has settled it, so that Celery
counts, times and prefetches as it does for any task. It is started without Celery's signal
handlers: those stop the pool inside the handler and hang; the replica's own do the draining.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from celery.app import trace
from celery.worker import WorkController, state
from kombu.asynchronous import set_event_loop

from pilotlight.adapters.celery.app import create_app
from pilotlight.adapters.celery.tap import Tap
from pilotlight.observability import logs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pilotlight.adapters.aws.hints import Hints
    from pilotlight.adapters.aws.pulse import Pulse
    from pilotlight.ports.queue import Delivery
    from pilotlight.settings import Settings

_LATE_S: Final = 2.0
"""A long poll may come back this much later than it should."""
_STOP_S: Final = 20.0
"""For Celery to stop once nothing is left to do; then it is left behind."""


class CeleryReceiver:
    """One per process: kombu keeps its event loop in a global."""

    def __init__(
        self, settings: Settings, worker: str, *, hints: Hints, pulse: Pulse, slots: int
    ) -> None:
        self._hints, self.pulse = hints, pulse
        self._wait_s = settings.queue.wait_s
        self._tap = Tap(hints, pulse)
        self._app = create_app(settings, (worker,), tap=self._tap, slots=slots)
        self._closing = False
        set_event_loop(None)
        state.should_stop = state.should_terminate = None
        trace.setup_worker_optimizations(self._app)  # else tasks are looked up in another app
        self._controller = WorkController(
            app=self._app,
            pool_cls="threads",
            concurrency=slots,
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
        )
        self._thread = threading.Thread(target=self._live, name="celery", daemon=True)
        self._thread.start()

    def _live(self) -> None:
        self._controller.start()
        if not self._closing:
            logs.event("queue.consumer_ended")
            self.pulse.die()

    def receive(self, *, limit: int) -> list[Delivery]:
        deliveries = self._hints.take(limit)
        self.pulse.wanted(self._hints.room > 0)
        self.pulse.look()
        return deliveries

    def fileno(self) -> int:
        return self._hints.fileno()

    def poked(self) -> list[str]:
        self._hints.heard()
        return []

    def extend(self, deliveries: Sequence[Delivery], *, seconds: float) -> None:
        self._hints.extend(deliveries, seconds=seconds)

    def ack(self, delivery: Delivery) -> None:
        self._hints.ack(delivery)

    def release(self, delivery: Delivery) -> None:
        self._hints.release(delivery)

    def leave(self) -> None:
        self._closing = True
        self._hints.leave()
        self.pulse.wanted(False)

    def close(self) -> None:
        """Waits for the long poll under way: what it brings would stay hidden for a while."""
        self.leave()
        if not self._tap.drained(self._wait_s + _LATE_S):
            logs.event("queue.poll_left_behind")
        self._hints.abandon()
        state.should_stop = 0
        self._tap.opened()  # so that Celery's loop looks
        self._thread.join(_STOP_S)
        self._hints.close()
        trace.reset_worker_optimizations(self._app)
        self._app.close()
        state.should_stop = None
