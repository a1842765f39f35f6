"""How much each receiving host may be asked at a time, so that none delays the others.

Pure bookkeeping, owned by the dispatcher's one thread. A host that is busy or broken gets its
next turn in the future; the rows move there in the job table, which thereby is the queue of
each host, and a restart forgets nothing but the pace.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from pilotlight.settings import WebhookSettings

MAX_TURN_S: Final = 120.0
"""Furthest a busy host's rows are put off. Those of a host that becomes fast are called forward
sooner (:mod:`.waiting`)."""
_FIRST_PACE_S: Final = 0.02
"""Length of a posting that is assumed before any was seen."""
_MAX_HOSTS: Final = 10_000


def host_of(url: str) -> str:
    """``host:port`` in lower case: what counts as one receiver of traffic."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2].lower()
    except ValueError:
        return ""


@dataclass(slots=True)
class _Host:
    width: float
    """Postings at a time; halves when it is overwhelmed and grows with every success."""
    busy: int = 0
    failures: int = 0
    """In a row."""
    probe_at: float = 0.0
    pace_s: float = _FIRST_PACE_S
    """Running average of how long one posting takes."""
    turn_at: float = 0.0


class Hosts:
    def __init__(self, settings: WebhookSettings) -> None:
        self._settings = settings
        self._hosts: dict[str, _Host] = {}

    def turn(self, name: str, *, now: float, free: int) -> float | None:
        """None: post now, and :meth:`ended` follows. Else when to look at the row again.

        ``free`` postings may begin altogether. One host takes at most half of what it has and
        what is free, so that something is left for a host that has none yet.
        """
        host = self._hosts.get(name)
        if host is None:
            host = self._hosts[name] = self._new()
        if self._is_open(host):
            if now < host.probe_at:
                return host.probe_at
            if host.busy:
                return now + self._settings.timeout_s
        elif host.busy >= host.width or host.busy >= (host.busy + free + 1) // 2:
            host.turn_at = max(host.turn_at, now) + host.pace_s / max(1.0, host.width)
            return min(host.turn_at, now + MAX_TURN_S)
        host.busy += 1
        return None

    def ended(
        self, name: str, *, now: float, took_s: float, succeeded: bool, throttle: bool = False
    ) -> None:
        host = self._hosts[name]
        host.busy -= 1
        host.pace_s += (took_s - host.pace_s) / 8
        if succeeded:
            host.failures = 0
            host.width = min(host.width + 1, float(self._settings.per_host))
        else:
            host.failures += 1
            host.probe_at = now + self._settings.circuit_probe_s
        if throttle:
            host.width = max(1.0, host.width / 2)
        self._forget()

    def room(self, name: str) -> int:
        """How many more postings the host may be asked for now."""
        host = self._hosts.get(name)
        return 0 if host is None or self._is_open(host) else max(0, int(host.width) - host.busy)

    def caught_up(self, name: str) -> None:
        """None of its rows waits: the next one that has to is the first."""
        if name in self._hosts:
            self._hosts[name].turn_at = 0.0

    def given_back(self, name: str) -> None:
        """The posting never began."""
        self._hosts[name].busy -= 1

    def _new(self) -> _Host:
        return _Host(width=float(self._settings.per_host))

    def _is_open(self, host: _Host) -> bool:
        return host.failures >= self._settings.circuit_failures

    def _forget(self) -> None:
        """Names are the callers' to choose: do not let them fill the memory."""
        if len(self._hosts) > _MAX_HOSTS:
            idle = [name for name, host in self._hosts.items() if not host.busy]
            for name in idle[: len(self._hosts) - _MAX_HOSTS // 2]:
                del self._hosts[name]
