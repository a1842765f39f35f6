"""Rows that were put off because their host was busy, so that they can be called forward again.

A turn is a guess of how long those before it will take. It is wrong once the host becomes fast:
what ends well then calls as many rows forward as the host has room for. Only a memory of this
process, which begins with what the table tells of the one before: what it has forgotten, or
another process puts off meanwhile, comes at its turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from pilotlight.contracts.job import Job

MOST: Final = 20_000
"""Rows that are remembered, of all hosts together: some 4 MB."""
SOON_S: Final = 0.25
"""A row whose turn is so near is left alone: the write would cost more than the wait."""


class PutOff(NamedTuple):
    job_id: str
    webhook_fence: int
    due_at: float


class Waiting:
    """Owned by the dispatcher's one thread."""

    def __init__(self) -> None:
        self._hosts: dict[str, dict[str, PutOff]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, host: str) -> bool:
        """Whether any row of the host waits, as far as we know."""
        return host in self._hosts

    def add(self, host: str, job: Job, *, due_at: float) -> None:
        """The row was moved to ``due_at``, behind those added before it."""
        self.drop(host, job.id)
        if self._count < MOST:
            rows = self._hosts.setdefault(host, {})
            rows[job.id] = PutOff(job.id, job.webhook_fence, due_at)
            self._count += 1

    def drop(self, host: str, job_id: str) -> None:
        """It waits no longer."""
        rows = self._hosts.get(host, {})
        if rows.pop(job_id, None) is not None:
            self._count -= 1
        if not rows:
            self._hosts.pop(host, None)

    def forward(self, host: str, *, room: int, now: float) -> list[PutOff]:
        """The next rows of the host, ``room`` of them with those that are due soon anyway. They
        are forgotten: whether they move is the store's to say.

        One whose turn has come already takes no room: another dispatcher has it, or the next
        look at the table brings it.
        """
        found: list[PutOff] = []
        for row in list(self._hosts.get(host, {}).values()):
            if room <= 0:
                break
            self.drop(host, row.job_id)
            room -= row.due_at > now
            if row.due_at > now + SOON_S:
                found.append(row)
        return found
