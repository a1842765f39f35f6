"""The dispatcher of webhooks in a thread of its own, beside the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Final

from pilotlight.delivery.dispatcher import Dispatcher
from pilotlight.ports.store import JobStore

_GATHER_S: Final = 0.01
"""Announcements that come together are one look: a thousand jobs a second are a hundred looks."""


class Posting:
    """Started and stopped once."""

    def __init__(self, dispatcher: Dispatcher, store: JobStore) -> None:
        self._dispatcher, self._store = dispatcher, store
        self._over = threading.Event()
        self._planned = False
        self._thread = threading.Thread(
            target=dispatcher.run, args=(self._over,), name="webhooks", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def kick_soon(self, job_ids: Sequence[str]) -> None:  # noqa: ARG002 - the rows say which are due
        """Some jobs changed, so that a webhook may be due. Called on the event loop."""
        if not self._planned:
            self._planned = True
            asyncio.get_running_loop().call_later(_GATHER_S, self._kick)

    def _kick(self) -> None:
        self._planned = False
        # A look here is microseconds, a turn of the thread is thirty; most jobs have no webhook.
        if self._store.remote or self._store.next_webhook_due() is not None:
            self._dispatcher.kick()

    def kick(self) -> None:
        """Webhooks may be due. From any thread."""
        self._dispatcher.kick()

    def stop(self, patience_s: float) -> None:
        """Let it finish what it has begun, for so long; what it has not is posted next time."""
        self._over.set()
        self._dispatcher.kick()
        if self._thread.is_alive():
            self._thread.join(patience_s)
