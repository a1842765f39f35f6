"""Agents that callers keep here: every version of each, which never changes once it is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRecord:
    """One version."""

    id: str
    caller: str
    version: int
    """1 for the first."""
    name: str
    definition: str
    """JSON text of :class:`pilotlight.contracts.agent.Definition`."""
    created_at: float


class AgentStore(Protocol):
    """Every read and write is of one caller's own: another's id is as unknown as none."""

    def add(self, record: AgentRecord) -> bool:
        """Durable once it returns. False: somebody else wrote this version before."""
        ...

    def find(self, agent_id: str, *, caller: str, version: int | None = None) -> AgentRecord | None:
        """The newest version unless another is asked for."""
        ...

    def list_agents(self, *, caller: str) -> list[AgentRecord]:
        """The newest version of each, in order of their ids."""
        ...

    def remove(self, agent_id: str, *, caller: str) -> bool:
        """Every version; whether there was any."""
        ...
