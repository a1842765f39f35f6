"""What a batch is made from, and how far its lines have become jobs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pilotlight.contracts.job import JobStatus
from pilotlight.intake.groups.opening import PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pilotlight.contracts.group import Tally
    from pilotlight.contracts.job import Job

KIND: Final = "batch"
ENDPOINT: Final = PREFIX + KIND
"""What stands in a batch's row as its endpoint."""
MOST_LINES: Final = 50_000
MOST_BYTES: Final = 200 * 1024 * 1024
"""OpenAI's limits of a batch's file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """The head's ``input``."""

    file: str
    """Key of the blob that holds the lines."""
    given: Mapping[str, Any]
    """JSON that the format put there."""

    def text(self) -> str:
        said = {"file": self.file, "given": self.given}
        return json.dumps(said, separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def of(cls, head: Job) -> Ticket:
        return cls(**json.loads(head.input))


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """The cursor of a batch's tally. Lines are counted from 1, blank ones too."""

    total: int = 0
    """Jobs there will be; 0 before the file was looked through."""
    at: int = 0
    """Byte of the file where the next line begins."""
    line: int = 0
    """Lines before it."""
    since: float | None = None
    """When the file had been looked through."""
    wrong: str | None = None
    """Why nothing more is added: ``lines`` that cannot be read, the ``file`` is gone."""

    @classmethod
    def read(cls, cursor: str) -> Spread:
        return cls(**json.loads(cursor)) if cursor else cls()

    def text(self) -> str:
        said = {name: getattr(self, name) for name in self.__slots__}
        return json.dumps(said, separators=(",", ":"))


def unspread(head: Job, tally: Tally, spread: Spread) -> int:
    """Lines that never become jobs, because the batch was cancelled or its window is over."""
    if head.status in (JobStatus.CANCELLED, JobStatus.EXPIRED):
        return max(0, spread.total - tally.total)
    return 0


def line_key(number: int) -> str:
    """A member's key: members in the order of their keys are in the order of their lines."""
    return f"{number:06d}"
