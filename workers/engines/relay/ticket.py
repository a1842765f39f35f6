"""What is known of the request upstream: the job's note, as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Final

_LONGEST: Final = 4000
"""Characters; a little less than a note may have."""


@dataclass(frozen=True, slots=True)
class Ticket:
    number: int = 1
    """Which request of this job it is: another one follows only where this one failed upstream."""
    asked: bool = False
    """The upstream may have it."""
    id: str = ""
    """By which the upstream knows it; empty until its answer is here."""
    files: dict[str, str] = field(default_factory=dict)
    """Where the input's files were uploaded: asked again, it must be the same words."""
    cost: dict[str, str] = field(default_factory=dict)
    """Headers in which the upstream says what it took."""

    @classmethod
    def read(cls, note: str) -> Ticket:
        return cls(**json.loads(note)) if note else cls()

    def text(self) -> str:
        """Without the uploads where they are too many to keep."""
        told = {name: getattr(self, name) for name in ("number", "asked", "id", "files", "cost")}
        text = json.dumps({name: value for name, value in told.items() if value})
        return text if len(text) <= _LONGEST else replace(self, files={}).text()

    def key(self, job_id: str) -> str:
        """Its idempotency key."""
        return f"pilotlight-{job_id}-{self.number}"

    def next(self) -> Ticket:
        """That of a further request, after this one failed upstream."""
        return Ticket(number=self.number + 1)
