"""What every store of agents must do; run against every adapter."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pilotlight.adapters.aws.agents import DynamoAgents
from pilotlight.adapters.local.agents import SqliteAgents
from pilotlight.ports.agents import AgentRecord

FIRST = AgentRecord(
    id="a1", caller="alice", version=1, name="", definition='{"nodes":[]}', created_at=1.5
)


@pytest.fixture(params=["sqlite", "moto", "ministack"])
def agents(request):
    if request.param == "sqlite":
        return SqliteAgents(request.getfixturevalue("database"))
    stage = request.getfixturevalue(request.param)
    return DynamoAgents(stage.calls, stage.table)


def test_the_newest_version_is_found_and_older_ones_stay(agents):
    second = replace(FIRST, version=2, name="drawn twice", created_at=2.5)

    assert agents.add(FIRST)
    assert agents.add(second)

    assert agents.find("a1", caller="alice") == second
    assert agents.find("a1", caller="alice", version=1) == FIRST
    assert agents.find("a1", caller="alice", version=3) is None
    assert agents.find("a", caller="alice") is None


def test_a_version_is_written_once(agents):
    assert agents.add(FIRST)

    assert not agents.add(replace(FIRST, name="another"))
    assert agents.find("a1", caller="alice") == FIRST


def test_another_callers_agent_is_unknown(agents):
    agents.add(FIRST)

    assert agents.find("a1", caller="mallory") is None
    assert agents.list_agents(caller="mallory") == []
    assert not agents.remove("a1", caller="mallory")
    assert agents.find("a1", caller="alice") == FIRST


def test_the_list_shows_the_newest_version_of_each(agents):
    records = [replace(FIRST, id=one, version=n) for one in ("b2", "a1") for n in (1, 2, 10)]
    for record in records:
        agents.add(record)

    assert [(one.id, one.version) for one in agents.list_agents(caller="alice")] == [
        ("a1", 10),
        ("b2", 10),
    ]


def test_a_removed_agent_is_gone_with_all_its_versions(agents):
    agents.add(FIRST)
    agents.add(replace(FIRST, version=2))

    assert agents.remove("a1", caller="alice")
    assert agents.find("a1", caller="alice", version=1) is None
    assert not agents.remove("a1", caller="alice")
