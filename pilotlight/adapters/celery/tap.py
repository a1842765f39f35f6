"""What ties Celery's consumer to the replica: when to poll, and where a message goes.

kombu's hub thread asks and reports here, Celery's task threads bring their messages, the replica's
loop opens and closes. It outlives the channels, which come and go with connections.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from pilotlight.adapters.aws import wire
from pilotlight.observability import logs

if TYPE_CHECKING:
    from collections.abc import Callable

    from pilotlight.adapters.aws.hints import Hints
    from pilotlight.adapters.aws.pulse import Pulse


class Tap:
    def __init__(self, hints: Hints, pulse: Pulse) -> None:
        self._hints, self.pulse = hints, pulse
        self._polls = 0
        self._over = False
        self._changed = threading.Condition()
        self._unpark: Callable[[], None] = lambda: None
        hints.on_room = self.opened

    # kombu's side

    @property
    def room(self) -> int:
        """How many messages may be asked for now."""
        return self._hints.room

    def attach(self, unpark: Callable[[], None]) -> None:
        """A new channel: polls of one before it are not waited for. ``unpark`` may be called by
        any thread.
        """
        with self._changed:
            self._polls = 0
            self._unpark = unpark
            self._changed.notify_all()

    def poll_begins(self) -> bool:
        """Count a poll; False: no more, somebody has seen that there is none under way.

        ``room`` was looked at a moment ago, and the replica may have left since: a poll that
        begins behind :meth:`drained` would be aborted, and what it brings be hidden for a while.
        """
        with self._changed:
            self._polls += not self._over
            return not self._over

    def poll_ended(self) -> None:
        self.pulse.beat()
        with self._changed:
            self._polls = max(0, self._polls - 1)
            self._changed.notify_all()

    # Celery's task threads

    def deliver(self, version: object, job_id: object, delivery_info: dict[str, Any]) -> None:
        """Hand the message to the replica and return when it is settled, or not ours any more.

        From here on the message is ours to settle: Celery's channel only forgets it.
        """
        delivery_info["settled"] = True
        handle = delivery_info["sqs_message"]["ReceiptHandle"]
        try:
            message = wire.parse(version, job_id)
        except wire.Unreadable as error:
            logs.event("queue.unreadable", error=str(error))  # the redrive takes it away
            return
        hint = self._hints.arrived(message.job_id, handle, carried=True)
        self._hints.carry(hint)

    # The replica's side

    def opened(self) -> None:
        self._unpark()

    def drained(self, patience_s: float) -> bool:
        """Wait for the long poll under way; whether it came back. From now on none begins."""
        with self._changed:
            self._over = True
            return self._changed.wait_for(lambda: self._polls == 0, patience_s)
