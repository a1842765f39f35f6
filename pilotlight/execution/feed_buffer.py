"""Log lines, progress and partial outputs on their way to the feed, many in one write."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from pilotlight.ports.feed import NewEntry

FLUSH_EVERY_S: Final = 0.05
"""Followers see an entry at most this late; a talkative job costs 20 writes a second."""
_MAX_PAUSE_S: Final = 5
"""Longest pause between two tries of a feed that fails."""
MAX_LINES: Final = 10_000
"""Log lines kept of one attempt; a runaway ``print`` stops there."""
MAX_LINE: Final = 8_192
"""Characters kept of one line."""
MAX_WAITING: Final = 20_000
"""Entries kept while the feed cannot be written; the oldest go first."""


@dataclass(slots=True)
class FeedBuffer:
    """Of several progress reports of one job only the last of each flush is kept."""

    _entries: list[NewEntry] = field(default_factory=list)
    _progress: dict[str, NewEntry] = field(default_factory=dict)
    _lines: Counter[str] = field(default_factory=Counter)
    _flushed_at: float = float("-inf")
    _failures: int = 0

    def __bool__(self) -> bool:
        return bool(self._entries or self._progress)

    def line(self, job_id: str, message: str, *, level: str, at: float) -> None:
        self._lines[job_id] += 1
        if self._lines[job_id] > MAX_LINES:
            return
        if self._lines[job_id] == MAX_LINES:
            message, level = f"more than {MAX_LINES} lines: the rest is dropped", "stderr"
        body = {"message": message[:MAX_LINE], "level": level}
        self._entries.append(NewEntry(job_id, "log", json.dumps(body), at))

    def progress(self, job_id: str, fraction: float, note: str, *, at: float) -> None:
        body = json.dumps({"fraction": fraction, "note": note})
        self._progress[job_id] = NewEntry(job_id, "progress", body, at)

    def partial(self, job_id: str, output: str, *, at: float) -> None:
        self._entries.append(NewEntry(job_id, "partial", output, at))

    def take(self, now: float) -> list[NewEntry]:
        """Everything that waits, oldest first within a job; the buffer is empty afterwards."""
        entries = [*self._entries, *self._progress.values()]
        self._entries, self._progress, self._flushed_at = [], {}, now
        return entries

    def written(self) -> None:
        """What was taken is in the feed."""
        self._failures = 0

    def put_back(self, entries: list[NewEntry]) -> None:
        """The write failed: keep them, in front of what came since."""
        if entries:
            self._entries = [*entries, *self._entries][-MAX_WAITING:]
            self._failures += 1

    def forget(self, job_id: str) -> None:
        """The attempt is over."""
        self._lines.pop(job_id, None)

    def due(self, now: float, *, with_others: bool) -> bool:
        """Whether to write now; ``with_others``: a commit happens anyway.

        A feed that fails is left out of the others' commits: no job waits for its log.
        """
        return bool(self) and (self.due_at() <= now or (with_others and not self._failures))

    def due_at(self) -> float:
        """When the next flush may be, in monotonic seconds; infinity with nothing to flush."""
        if not self:
            return float("inf")
        return self._flushed_at + min(FLUSH_EVERY_S * 2.0 ** min(self._failures, 10), _MAX_PAUSE_S)
