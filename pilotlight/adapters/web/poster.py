"""Post one announcement. The reply's status and head are what counts."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from pilotlight.adapters.web import guard
from pilotlight.adapters.web.patience import Limits, Patience
from pilotlight.errors import FetchFailed
from pilotlight.ports.http import Reply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pilotlight.adapters.web.outbound import Outbound
    from pilotlight.ports.clock import Clock
    from pilotlight.settings import WebhookSettings

MAX_REPLY_BYTES: Final = 64 * 1024
"""Nobody's answer to a webhook is longer; more is not read (reliability section 2.6)."""


class GuardedPoster:
    """A Poster that only goes where the guard lets it."""

    def __init__(self, outbound: Outbound, settings: WebhookSettings, clock: Clock) -> None:
        self._outbound = outbound
        self._clock = clock
        self._limits = Limits(
            connect_s=settings.connect_timeout_s,
            first_byte_s=settings.timeout_s,
            total_s=settings.timeout_s,
            max_bytes=MAX_REPLY_BYTES,
        )

    def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Reply:
        target = guard.parse(url, self._outbound.policy)
        patience = Patience(self._limits, self._clock.monotonic)
        with self._outbound.ask("POST", target, patience, headers=headers, body=body) as answer:
            # The verdict is in; the rest is read only so that the receiver can finish writing.
            with contextlib.suppress(FetchFailed):
                for _chunk in answer.chunks():
                    pass
            return Reply(answer.status, answer.headers)
