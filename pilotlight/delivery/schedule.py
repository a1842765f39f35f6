"""What one posting of a webhook means for the next: a pure decision.

Success is 2xx and nothing else. A redirect is a failure and 410 asks for no more webhooks at
all; both are what Standard Webhooks says, as is the schedule.
"""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

    from pilotlight.settings import WebhookSettings

_PACED: Final = frozenset({429, 503})
"""Statuses whose Retry-After is honoured."""
_THROTTLED: Final = frozenset({429, 502, 503, 504})
"""Statuses of a receiver that is overwhelmed."""


@dataclass(frozen=True, slots=True)
class Delivered:
    pass


@dataclass(frozen=True, slots=True)
class RetryAt:
    moment: float
    throttle: bool = False
    """The receiver has too much to do: post to it with fewer at a time."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The schedule is used up, or the URL can never work."""


@dataclass(frozen=True, slots=True)
class Disable:
    """The receiver wants no more."""


Outcome = Delivered | RetryAt | GiveUp | Disable


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one posting: a reply, or why there was none (a reason of FetchFailed)."""

    status: int | None = None
    headers: Mapping[str, str] | None = None
    """Lower-case names."""
    reason: str = ""

    @property
    def succeeded(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def next_try(
    result: Result, *, tries: int, now: float, rng: random.Random, settings: WebhookSettings
) -> Outcome:
    """Decide after the posting number ``tries`` (1 for the first) that ended at ``now``."""
    if result.succeeded:
        return Delivered()
    if result.status == 410:
        return Disable()
    if tries >= len(settings.schedule_s) or result.reason == "bad_url":
        return GiveUp()
    jitter = 1 + rng.uniform(-settings.jitter, settings.jitter)
    wait = settings.schedule_s[tries] * jitter
    asked = 0.0
    if result.status in _PACED:
        asked = min(_retry_after(result.headers or {}, now), settings.max_retry_after_s)
    # Not sooner than the schedule, however soon it asks: its tries would be spent in seconds.
    return RetryAt(now + max(wait, asked), throttle=result.status in _THROTTLED)


def _retry_after(headers: Mapping[str, str], now: float) -> float:
    """Seconds, from either form of the header (RFC 9110 10.2.3); 0 when it makes no sense."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return 0.0
