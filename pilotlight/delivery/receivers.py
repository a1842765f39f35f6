"""Which webhook URLs want, or deserve, no more postings.

A URL is disabled by 410, or by ten failures over five days without a success (the defaults of
reliability section 2.6). It stays so until a replayed posting succeeds. The memory is rebuilt
from the job rows when a process starts: their webhook columns are the only record.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pilotlight.contracts.job import Job
    from pilotlight.settings import WebhookSettings

DISABLE_FAILURES: Final = 10
_MAX_URLS: Final = 10_000


@dataclass(slots=True)
class _Trouble:
    """What is known of a URL since its last success."""

    since: float
    failures: int = 0
    disabled: bool = False


class Receivers:
    def __init__(self, settings: WebhookSettings) -> None:
        self._settings = settings
        self._troubled: dict[str, _Trouble] = {}

    def remember(self, jobs: Iterable[Job]) -> None:
        """Take over what the rows tell, newest first, up to each URL's last delivered one."""
        delivered: set[str] = set()
        for job in jobs:
            url = job.webhook
            if url is None or url in delivered:
                continue
            if job.webhook_state == "delivered":
                delivered.add(url)
            elif job.ended_at is not None and (job.webhook_tries or job.webhook_state):
                trouble = self._of(url, job.ended_at)
                trouble.since = min(trouble.since, job.ended_at)
                trouble.failures += job.webhook_tries
                trouble.disabled |= job.webhook_state == "disabled"

    def disabled(self, url: str) -> bool:
        trouble = self._troubled.get(url)
        return trouble is not None and trouble.disabled

    def succeeded(self, url: str) -> None:
        self._troubled.pop(url, None)

    def failed(self, url: str, *, now: float, gone: bool = False) -> bool:
        """Whether the URL is disabled from now on. ``gone``: it said 410."""
        trouble = self._of(url, now)
        trouble.failures += 1
        dead = now - trouble.since >= self._settings.disable_after_s
        if gone or (dead and trouble.failures >= DISABLE_FAILURES):
            trouble.disabled = True
        return trouble.disabled

    def _of(self, url: str, now: float) -> _Trouble:
        if url not in self._troubled and len(self._troubled) >= _MAX_URLS:
            del self._troubled[next(iter(self._troubled))]  # the one known longest
        return self._troubled.setdefault(url, _Trouble(since=now))
