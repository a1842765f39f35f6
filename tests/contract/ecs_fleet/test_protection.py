"""A replica that may have work is protected from scale-in.

moto lacks UpdateTaskProtection and ministack protects none: the agent's endpoint is served by the
test.
"""

from __future__ import annotations

import pytest

from pilotlight.adapters.aws import protection
from pilotlight.adapters.aws.enrolment import Task, enrol
from pilotlight.errors import Unavailable
from tests.contract.ecs_agent import EcsAgent
from tests.contract.ecs_fleet.account import task
from tests.contract.fleet_suite import stages


@pytest.fixture
def agent():
    made = EcsAgent(task().arn, family="quiet", revision="4")
    yield made
    made.close()


@pytest.fixture
def guarded(roster, agent, clock):
    return protection.ProtectedRoster(roster, protection.Agent(agent.uri), clock)


def test_a_task_learns_who_it_is_from_its_agent(agent):
    found = protection.task_here(agent.metadata_uri)
    assert found == Task(task().arn, "quiet:4", "cluster")
    with pytest.raises(Unavailable, match="404"):
        protection.task_here(agent.uri)


def test_a_replica_is_protected_before_it_may_lease_and_no_more_when_it_is_gone(
    fleet, register, guarded, agent, clock
):
    replica_id = enrol(register, "quiet", slots=1, task=task(), now=clock.now())
    guarded.report(replica_id, "loading", now=clock.now())
    assert agent.asked == [{"ProtectionEnabled": True, "ExpiresInMinutes": 10}]
    guarded.report(replica_id, "ready", now=clock.now())
    assert guarded.may_lease(replica_id, now=clock.now())
    guarded.report(replica_id, "draining", now=clock.now())
    assert agent.protected
    guarded.report(replica_id, "gone", now=clock.now())
    assert not agent.protected
    assert stages(fleet) == {replica_id: "gone"}


def test_protection_is_renewed_by_beats_but_not_by_each(register, guarded, agent, clock):
    replica_id = enrol(register, "quiet", slots=1, task=task(), now=clock.now())
    guarded.report(replica_id, "ready", now=clock.now())
    for _ in range(40):  # ten minutes
        clock.sleep(15)
        assert guarded.seen(replica_id, now=clock.now())
    assert len(agent.asked) == 3
    assert agent.protected


@pytest.mark.parametrize(
    "refusal",
    [
        (500, {"error": {"Code": "ServerException", "Message": "later"}}),
        (200, {"failure": {"Arn": "x", "Reason": "TASK_NOT_VALID", "Detail": "no"}}),
        (200, {"error": {"Code": "AccessDeniedException", "Message": "no role"}}),
    ],
)
def test_without_protection_no_replica_takes_jobs(fleet, register, guarded, agent, clock, refusal):
    replica_id = enrol(register, "quiet", slots=1, task=task(), now=clock.now())
    agent.refuses = refusal
    with pytest.raises(Unavailable):
        guarded.report(replica_id, "ready", now=clock.now())
    assert stages(fleet) == {replica_id: "starting"}
    with pytest.raises(Unavailable):
        guarded.may_lease(replica_id, now=clock.now())
    agent.refuses = None
    guarded.report(replica_id, "ready", now=clock.now())
    assert stages(fleet) == {replica_id: "ready"}


def test_a_beat_that_cannot_renew_is_a_beat_until_the_term_is_over(register, guarded, agent, clock):
    replica_id = enrol(register, "quiet", slots=1, task=task(), now=clock.now())
    guarded.report(replica_id, "ready", now=clock.now())
    agent.refuses = (500, {})
    clock.sleep(400)
    assert guarded.seen(replica_id, now=clock.now())
    assert guarded.may_lease(replica_id, now=clock.now())
    clock.sleep(300)
    with pytest.raises(Unavailable):
        guarded.may_lease(replica_id, now=clock.now())


def test_an_agent_that_is_not_there_is_unavailable():
    with pytest.raises(Unavailable, match="does not answer"):
        protection.Agent("http://127.0.0.1:9").protect(10)
