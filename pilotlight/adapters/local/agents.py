"""Agents in SQLite."""

from __future__ import annotations

from dataclasses import astuple, fields
from typing import TYPE_CHECKING, Final

from pilotlight.ports.agents import AgentRecord

if TYPE_CHECKING:
    from pilotlight.adapters.local.database import Database

_NAMES: Final = tuple(field.name for field in fields(AgentRecord))
_SELECT: Final = f"SELECT {', '.join(_NAMES)} FROM agent"


class SqliteAgents:
    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, record: AgentRecord) -> bool:
        places = ", ".join("?" * len(_NAMES))
        sql = f"INSERT OR IGNORE INTO agent ({', '.join(_NAMES)}) VALUES ({places})"
        with self._db.write() as execute:
            added = execute(sql, astuple(record)).rowcount > 0
        self._db.harden()
        return added

    def find(self, agent_id: str, *, caller: str, version: int | None = None) -> AgentRecord | None:
        row = self._db.read(
            f"{_SELECT} WHERE caller = ?1 AND id = ?2 AND version = coalesce(?3, version) "
            "ORDER BY version DESC LIMIT 1",
            (caller, agent_id, version),
        ).fetchone()
        return AgentRecord(**dict(zip(_NAMES, row, strict=True))) if row else None

    def list_agents(self, *, caller: str) -> list[AgentRecord]:
        rows = self._db.read(
            f"{_SELECT} AS one WHERE caller = ? AND version = (SELECT max(version) FROM agent "
            "WHERE caller = one.caller AND id = one.id) ORDER BY id",
            (caller,),
        )
        return [AgentRecord(**dict(zip(_NAMES, row, strict=True))) for row in rows]

    def remove(self, agent_id: str, *, caller: str) -> bool:
        with self._db.write() as execute:
            sql = "DELETE FROM agent WHERE caller = ? AND id = ?"
            return execute(sql, (caller, agent_id)).rowcount > 0
