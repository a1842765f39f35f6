"""Where webhooks go: receivers that fail, stall, and answer into the void."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pilotlight.errors import FetchFailed
from pilotlight.ports.http import Reply
from tests.sim.world import Violation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.sim.process import Process
    from tests.sim.table import Table


class Receipts:
    """What receivers took, by job."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.taken: dict[str, int] = {}
        """How often each job's webhook was answered with 2xx, whether or not that was heard."""

    def take(self, headers: Mapping[str, str], body: bytes) -> None:
        said = json.loads(body)
        row = self._table.rows[said["id"]]
        if not row.status.is_terminal:
            raise Violation("I4", f"announced before its end: {row}")
        if said["status"] != row.status:
            raise Violation("I4", f"announced as {said['status']}: {row}")
        if headers["webhook-id"] != f"wh_{row.id}_{row.status}":
            raise Violation("I4", f"the announcement is called {headers['webhook-id']}: {row}")
        if row.status == "succeeded" and said["output"] is None:
            raise Violation("I4", f"announced without its output: {row}")
        self.taken[row.id] = self.taken.get(row.id, 0) + 1


class SimPoster:
    def __init__(self, receipts: Receipts, process: Process) -> None:
        self._receipts, self._process = receipts, process
        self._world, self._faults = process.world, process.faults

    def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Reply:
        slow = self._faults.happens("failing webhooks", 0.03)
        self._world.sleep(self._world.rng.uniform(0.02, 1.0) if not slow else 14.0)
        return self._process.call("http.post", self._answer, headers, body)

    def _take(self, headers: Mapping[str, str], body: bytes) -> None:
        with self._world.judging():
            self._receipts.take(headers, body)

    def _answer(self, headers: Mapping[str, str], body: bytes) -> Reply:
        if not self._faults.happens("failing webhooks", 0.15):
            self._take(headers, body)
            return Reply(200, {})
        match self._world.rng.randrange(4):
            case 0:
                raise FetchFailed("unreachable", "connection refused")
            case 1:
                return Reply(500, {})
            case 2:
                return Reply(503, {"retry-after": "30"})
            case _:
                self._take(headers, body)
                raise FetchFailed("unreachable", "the answer never came")
