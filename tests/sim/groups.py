"""Groups as one process sees them: tallies beside the table of jobs, in its transactions."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from pilotlight.contracts import moves
from pilotlight.contracts.group import Tally, counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pilotlight.contracts.job import Job, JobStatus
    from pilotlight.ports.store import Created
    from tests.sim.process import Process
    from tests.sim.store import SimStore
    from tests.sim.table import Table


class Tallies:
    """Reads rows by walking through all that belong to groups: there are few."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.rows: dict[str, Tally] = {}

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """One transaction of DynamoDB, or a part of the one under way."""
        if self.table.in_transaction:
            yield
            return
        self.table.begin()
        try:
            yield
        except BaseException:
            self.table.roll_back()
            raise
        self.table.commit()

    def put(self, tally: Tally) -> Tally:
        before = self.rows.get(tally.group_id)

        def undo() -> None:
            if before is None:
                del self.rows[tally.group_id]
            else:
                self.rows[tally.group_id] = before

        self.rows[tally.group_id] = tally
        self.table.undo_with(undo)
        return tally

    def grouped(self) -> list[Job]:
        rows = self.table.rows
        return [rows[one] for one in self.table.grouped if one in rows]

    def next_mark(self) -> float | None:
        marked = (row.group_due for row in self.grouped())
        return min((due for due in marked if due is not None), default=None)


class SimGroups:
    chunk = 20

    def __init__(self, tallies: Tallies, store: SimStore, process: Process) -> None:
        self._tallies, self._store, self._process = tallies, store, process
        self._call = process.call

    def open(self, head: Job) -> Created:
        return self._call("groups.open", self._open, head)

    def _open(self, head: Job) -> Created:
        with self._tallies.atomic():
            (created,) = self._tallies.table.create([head], self._process.name)
            if not created.existed:
                self._tallies.put(Tally(group_id=head.id))
        return created

    def add(
        self, tally: Tally, jobs: Sequence[Job], *, cursor: str, sealed: bool = False
    ) -> Tally | None:
        return self._call("groups.add", self._add, tally, jobs, cursor, sealed)

    def _add(self, seen: Tally, jobs: Sequence[Job], cursor: str, sealed: bool) -> Tally | None:  # noqa: FBT001 - of a port
        tally = self._tallies.rows.get(seen.group_id)
        if tally is None or tally.sealed or tally.cursor != seen.cursor:
            return None
        with self._tallies.atomic():
            self._tallies.table.create(jobs, self._process.name)
            total = tally.total + len(jobs)
            return self._tallies.put(replace(tally, total=total, cursor=cursor, sealed=sealed))

    def seal(self, group_id: str) -> Tally | None:
        return self._call("groups.seal", self._seal, group_id)

    def _seal(self, group_id: str) -> Tally | None:
        tally = self._tallies.rows.get(group_id)
        return None if tally is None else self._tallies.put(replace(tally, sealed=True))

    def tally(self, group_id: str) -> Tally | None:
        return self._call("groups.tally", self._tallies.rows.get, group_id)

    def marks(self, *, now: float, limit: int = 500) -> list[Job]:
        return self._call("groups.marks", self._marks, now, limit)

    def _marks(self, now: float, limit: int) -> list[Job]:
        rows = [row for row in self._marked() if (row.group_due or 0) <= now]
        return sorted(rows, key=lambda row: row.group_due or 0)[:limit]

    def _marked(self) -> Iterator[Job]:
        return (row for row in self._tallies.grouped() if row.group_due is not None)

    def next_mark(self) -> float | None:
        return self._call("groups.next_mark", self._tallies.next_mark)

    def settle(self, group_id: str, ended: Sequence[Job]) -> Tally | None:
        return self._call("groups.settle", self._settle, group_id, ended)

    def _settle(self, group_id: str, ended: Sequence[Job]) -> Tally | None:
        table, by = self._tallies.table, self._process.name
        with self._tallies.atomic():
            heard = [job for job in ended if table.move(job.id, moves.heard(job), by) is not None]
            tally = self._tallies.rows.get(group_id)
            if tally is None:
                return None
            counts = {name: getattr(tally, name) + n for name, n in counted(heard).items()}
            return self._tallies.put(replace(tally, **counts))

    def members(
        self, group_id: str, *, after: str = "", limit: int = 100, live: bool = False
    ) -> list[Job]:
        return self._call("groups.members", self._members, group_id, after, limit, live)

    def statuses(self, group_id: str) -> list[tuple[str, JobStatus]]:
        rows = self._call("groups.statuses", self._members, group_id, "", 10**9, False)
        return [(row.member or "", row.status) for row in rows]

    def _members(self, group_id: str, after: str, limit: int, live: bool) -> list[Job]:  # noqa: FBT001 - of a port
        rows = [
            row
            for row in self._tallies.grouped()
            if row.group_id == group_id
            and (row.member or "") > after
            and not (live and row.status.is_terminal)
        ]
        return sorted(rows, key=lambda row: row.member or "")[:limit]
