"""The fleet suite on ECS services, and what only ECS brings: tasks, places, protection.

moto keeps services but starts no tasks and lacks UpdateTaskProtection; ministack starts tasks (as
records, without containers) and protects none. The agent's endpoint is served by the test.
"""

from __future__ import annotations

import itertools

import pytest

from pilotlight.adapters.aws import enrolment, protection
from pilotlight.adapters.aws.clients import Clients
from pilotlight.adapters.aws.ecs import Ecs
from pilotlight.adapters.aws.ecs_fleet import START_PATIENCE_S, EcsFleet, tasks_wanted
from pilotlight.adapters.aws.enrolment import Task, enrol
from pilotlight.adapters.aws.register import DynamoRegister
from pilotlight.adapters.aws.roster import DynamoRoster
from pilotlight.adapters.aws.store import DynamoStore
from pilotlight.adapters.local.clock import ManualClock
from pilotlight.errors import Unavailable
from pilotlight.settings import LeaseSettings
from tests.contract import emulator
from tests.contract.ecs_agent import EcsAgent
from tests.contract.emulator import quick_clients
from tests.contract.fleet_suite import FleetSuite, stages
from tests.contract.local_fleet.stand_ins import SPECS

__all__ = ["quick_clients"]
WORKERS = {name: SPECS[name] for name in ("quiet", "says-why")}
_numbers = itertools.count(1)


class Account:
    """An ECS cluster with one service per worker; ``client`` is the operator's own."""

    def __init__(self, endpoint_url):
        self.clients = Clients(region=emulator.REGION, endpoint_url=endpoint_url)
        self.client = self.clients.control("ecs")
        self.cluster = f"cluster-{next(_numbers)}"
        self.client.create_cluster(clusterName=self.cluster)
        self.family = f"{self.cluster}-task"
        self.define()
        for worker in WORKERS:
            self.client.create_service(
                cluster=self.cluster,
                serviceName=f"test-{worker}",
                taskDefinition=self.family,
                desiredCount=0,
            )
        self.ecs = Ecs(self.client, cluster=self.cluster, prefix="test-")

    def define(self):
        container = {"name": "replica", "image": "image", "memory": 128}
        self.client.register_task_definition(family=self.family, containerDefinitions=[container])

    def desired(self, worker="quiet"):
        return self.ecs.services([worker])[worker].desired

    def tasks(self, worker="quiet"):
        """Those that run for it."""
        answer = self.client.list_tasks(
            cluster=self.cluster, serviceName=f"test-{worker}", desiredStatus="RUNNING"
        )
        return [Task(arn, f"{self.family}:1", self.cluster) for arn in answer["taskArns"]]


@pytest.fixture
def account(aws):
    made = Account(aws.account.endpoint_url)
    yield made
    made.clients.close()


@pytest.fixture
def store(aws):
    return DynamoStore(aws.calls, aws.table, aws.texts, workers=tuple(WORKERS))


@pytest.fixture
def register(aws, account):
    return DynamoRegister(aws.calls, aws.table, place=enrolment.place_of(account.cluster))


@pytest.fixture
def roster(aws):
    return DynamoRoster(aws.calls, aws.table)


@pytest.fixture
def fleet(register, account, clock):
    return EcsFleet(register, account.ecs, WORKERS, clock=clock, lease=LeaseSettings())


class TestEcsFleet(FleetSuite):
    """On moto; the suite over the same register is run on ministack with the local fleet."""

    @pytest.fixture
    def aws(self, moto):
        return moto


def enrolled(register, roster, task, clock, worker="quiet", stage="ready"):
    """A task that ECS started becomes a replica; its id."""
    replica_id = enrol(register, worker, slots=2, task=task, now=clock.now())
    roster.report(replica_id, "loading", now=clock.now())
    roster.report(replica_id, stage, now=clock.now())
    return replica_id


def task(number=1, revision="family:1"):
    return Task(f"arn:aws:ecs:us-east-1:000000000000:task/c/{number}", revision, "c")


def test_a_service_is_to_run_what_is_capacity(fleet, account, register, roster, clock):
    fleet.start("quiet", 2)
    assert account.desired() == 2

    first, second = stages(fleet)
    roster.report(first, "ready", now=clock.now())
    assert fleet.retire(first)
    assert account.desired() == 1
    assert account.desired("says-why") == 0

    assert fleet.retire(second)
    assert account.desired() == 0


def test_a_place_that_no_task_took_is_gone_once_it_is_not_wanted(fleet):
    fleet.start("quiet", 1)
    (place,) = stages(fleet)
    assert fleet.retire(place)
    assert stages(fleet) == {place: "gone"}
    assert fleet.is_empty


def test_a_task_takes_the_oldest_place_and_its_cold_start_counts_from_the_asking(
    fleet, register, roster, clock
):
    fleet.start("quiet", 1)
    clock.sleep(1)
    fleet.start("quiet", 1)
    first, second = stages(fleet)
    clock.sleep(99)

    assert enrolled(register, roster, task(1), clock) == first
    assert stages(fleet) == {first: "ready", second: "starting"}
    assert fleet.cold_starts("quiet")[0].start_s == 100
    assert enrolled(register, roster, task(2), clock) == second


def test_two_tasks_never_take_one_place(fleet, register, roster, clock, monkeypatch):
    fleet.start("quiet", 1)
    (place,) = stages(fleet)
    seen = register.open_items()
    monkeypatch.setattr(register, "open_items", lambda: seen)  # both looked before either took

    assert enrolled(register, roster, task(1), clock) == place
    assert enrolled(register, roster, task(2), clock) != place


def test_a_task_nobody_asked_for_is_a_replica_and_counts(fleet, account, register, roster, clock):
    replica_id = enrolled(register, roster, task(revision=f"{account.family}:1"), clock)
    fleet.start("quiet", 1)
    assert stages(fleet)[replica_id] == "ready"
    assert account.desired() == 2


def test_a_count_that_somebody_else_set_is_put_right(fleet, account):
    fleet.start("quiet", 1)
    account.ecs.want("quiet", 7)
    fleet.poll_exits()
    assert account.desired() == 1


def test_what_a_look_could_not_say_the_next_one_says(fleet, account):
    faults = emulator.Faults(account.client)
    faults.answer("UpdateService", 503, "ServerException", times=3)
    with pytest.raises(Unavailable, match="ECS"):
        fleet.start("quiet", 1)
    faults.clear()
    assert account.desired() == 0

    fleet.poll_exits()
    assert account.desired() == 1
    assert list(stages(fleet).values()) == ["starting"]


def test_a_place_where_nobody_comes_is_a_failed_start(fleet, account, clock):
    fleet.start("quiet", 1)
    clock.sleep(START_PATIENCE_S - 1)
    assert fleet.poll_exits() == []
    clock.sleep(2)

    (late,) = fleet.poll_exits()

    assert (late.worker, late.stage) == ("quiet", "failed")
    (row,) = fleet.replicas()
    assert "no task started within 15 minutes" in row.error
    assert account.desired() == 0


def test_a_worker_without_a_service_says_what_to_do(register, account, clock):
    specs = {"stubborn": SPECS["stubborn"]}
    fleet = EcsFleet(register, account.ecs, specs, clock=clock, lease=LeaseSettings())
    fleet.start("stubborn", 1)
    (row,) = fleet.replicas()
    assert row.stage == "failed"
    assert "no service test-stubborn" in row.error


def test_a_replica_of_an_older_image_goes_when_it_is_idle(  # noqa: PLR0917
    fleet, account, register, roster, clock, store, make_job
):
    from pilotlight.contracts import moves

    older = Task(task().arn, f"{account.family}:0", account.cluster)
    current = Task(task(2).arn, f"{account.family}:1", account.cluster)
    busy = enrolled(register, roster, Task(task(3).arn, older.revision), clock)
    idle, new = (enrolled(register, roster, one, clock) for one in (older, current))
    job = make_job(worker="quiet")
    store.create([job])
    leased = moves.lease(owner=busy, now=clock.now(), lease_s=60, margin_s=10)
    job = store.move(job.id, leased)

    fleet._hold(["quiet"])
    assert stages(fleet) == {busy: "ready", idle: "draining", new: "ready"}

    store.move(job.id, moves.succeed(job, now=clock.now(), output="{}"))
    fleet._hold(["quiet"])
    assert stages(fleet)[busy] == "draining"


@pytest.mark.parametrize(
    ("desired", "newer", "older", "wanted"),
    [
        (0, 2, 0, 2),
        (5, 2, 0, 2),
        (1, 0, 1, 1),  # a roll-out begins: ECS is about to start the newer one
        (1, 1, 1, 1),  # it is there, and the older one works: no third
        (1, 2, 1, 2),  # another was asked for
        (3, 1, 1, 2),
        (0, 0, 1, 0),  # ECS starts nothing in its place, and need not
        (1, 0, 0, 0),
    ],
)
def test_a_roll_out_replaces_and_adds_nothing(desired, newer, older, wanted):
    assert tasks_wanted(desired, newer=newer, older=older) == wanted


def test_while_no_newer_replica_is_ready_an_older_one_stays_for_a_while(account, register, roster):
    clock = ManualClock(account.ecs.services(["quiet"])["quiet"].since)
    fleet = EcsFleet(register, account.ecs, WORKERS, clock=clock, lease=LeaseSettings())
    older = Task(task().arn, f"{account.family}:0", account.cluster)
    idle = enrolled(register, roster, older, clock)
    account.ecs.want("quiet", 1)
    fleet._hold(["quiet"])
    assert (stages(fleet)[idle], account.desired()) == ("ready", 1)

    clock.sleep(START_PATIENCE_S + 60)
    fleet._hold(["quiet"])
    assert stages(fleet)[idle] == "draining"


# With tasks, which only ministack starts


class TestTasks:
    @pytest.fixture
    def aws(self, ministack):
        return ministack

    def test_a_task_that_stopped_is_told_once_with_its_reason(
        self, fleet, account, register, roster, clock
    ):
        fleet.start("quiet", 1)
        (running,) = account.tasks()
        replica_id = enrolled(register, roster, running, clock)
        assert fleet.poll_exits() == []
        account.ecs.stop(running.arn, "the machine is going")

        (ended,) = fleet.poll_exits()

        assert (ended.replica_id, ended.worker, ended.stage) == (replica_id, "quiet", "failed")
        (row,) = fleet.replicas()
        assert "the machine is going" in row.error
        assert fleet.poll_exits() == []

    def test_a_task_that_ecs_has_forgotten_is_over_too(
        self, fleet, account, register, roster, clock
    ):
        unknown = task("none", f"{account.family}:1")
        replica_id = enrolled(register, roster, unknown, clock)
        roster.may_lease(replica_id, now=clock.now() + 1)
        (ended,) = fleet.poll_exits()
        assert (ended.replica_id, ended.stage) == (replica_id, "gone")

    def test_a_replica_that_says_nothing_any_more_is_stopped(
        self, fleet, account, register, roster, clock
    ):
        fleet.start("quiet", 1)
        (running,) = account.tasks()
        enrolled(register, roster, running, clock)
        clock.sleep(71)
        assert fleet.poll_exits() == []  # the store may have been away for everybody
        clock.sleep(20)
        (ended,) = fleet.poll_exits()
        assert "said nothing for 91 s" in fleet.replicas()[0].error
        assert running not in account.tasks()
        assert fleet.poll_exits() == []
        assert ended.worker == "quiet"

    def test_one_that_speaks_again_is_left_alone(self, fleet, account, register, roster, clock):
        fleet.start("quiet", 1)
        (running,) = account.tasks()
        replica_id = enrolled(register, roster, running, clock)
        clock.sleep(200)
        assert fleet.poll_exits() == []
        roster.seen(replica_id, now=clock.now())
        clock.sleep(20)
        assert fleet.poll_exits() == []

    def test_a_task_that_came_and_never_said_a_word_is_stopped(
        self, fleet, account, register, clock
    ):
        fleet.start("quiet", 1)
        (running,) = account.tasks()
        enrol(register, "quiet", slots=2, task=running, now=clock.now())
        clock.sleep(START_PATIENCE_S + 1)
        assert [one.stage for one in fleet.poll_exits()] == ["failed"]
        assert running not in account.tasks()


# Protection


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
