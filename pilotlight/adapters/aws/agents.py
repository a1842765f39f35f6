"""Agents in DynamoDB: one partition for each caller, sorted by id and version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pilotlight.adapters.aws import fresh
from pilotlight.adapters.aws.queries import Queries
from pilotlight.adapters.aws.rows import number
from pilotlight.ports.agents import AgentRecord

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pilotlight.adapters.aws.calls import Calls
    from pilotlight.adapters.aws.rows import Item


class DynamoAgents:
    def __init__(self, calls: Calls, table: str) -> None:
        self._calls, self._table = calls, table
        self._queries = Queries(calls, table)

    def add(self, record: AgentRecord) -> bool:
        item = {
            **_key(record.caller, record.id, record.version),
            "name": {"S": f"-{record.name}"},  # no text is empty: emulators disagree about those
            "definition": {"S": record.definition},
            "created_at": number(record.created_at),
        }
        return fresh.put(self._calls, self._table, item)

    def find(self, agent_id: str, *, caller: str, version: int | None = None) -> AgentRecord | None:
        if version is None:
            return next(self._versions(caller, f"{agent_id}#", newest=True, page=1), None)
        if not 0 < version < _MOST:
            return None
        key = _key(caller, agent_id, version)
        answer = self._calls("get_item", TableName=self._table, Key=key, ConsistentRead=True)
        return _record(answer["Item"]) if "Item" in answer else None

    def list_agents(self, *, caller: str) -> list[AgentRecord]:
        newest = {record.id: record for record in self._versions(caller, "", page=100)}
        return [newest[agent_id] for agent_id in sorted(newest)]

    def remove(self, agent_id: str, *, caller: str) -> bool:
        found = list(self._versions(caller, f"{agent_id}#", page=100))
        for record in found:
            key = _key(caller, agent_id, record.version)
            self._calls("delete_item", TableName=self._table, Key=key)
        return bool(found)

    def _versions(
        self, caller: str, prefix: str, *, page: int, newest: bool = False
    ) -> Iterator[AgentRecord]:
        condition, values = "pk = :p", {":p": {"S": f"AGENT#{caller}"}}
        if prefix:
            condition += " AND begins_with(sk, :s)"
            values[":s"] = {"S": prefix}
        request: dict[str, Any] = {
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": values,
            "ScanIndexForward": not newest,
            "ConsistentRead": True,
            "Limit": page,
        }
        return (
            _record(item) for answer in self._queries.pages(request) for item in answer["Items"]
        )


_MOST = 10**8


def _key(caller: str, agent_id: str, version: int) -> Item:
    return {"pk": {"S": f"AGENT#{caller}"}, "sk": {"S": f"{agent_id}#{version:08d}"}}


def _record(item: Item) -> AgentRecord:
    agent_id, _, version = item["sk"]["S"].rpartition("#")
    return AgentRecord(
        id=agent_id,
        caller=item["pk"]["S"].removeprefix("AGENT#"),
        version=int(version),
        name=item["name"]["S"][1:],
        definition=item["definition"]["S"],
        created_at=float(item["created_at"]["N"]),
    )
