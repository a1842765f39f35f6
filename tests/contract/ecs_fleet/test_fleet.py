"""The fleet suite on ECS services, and what only ECS brings: tasks and places.

moto keeps services but starts no tasks; ministack starts tasks, as records without containers.
"""

from __future__ import annotations

import pytest

from pilotlight.adapters.aws.ecs import Ecs
from pilotlight.adapters.aws.ecs_fleet import START_PATIENCE_S, EcsFleet, tasks_wanted
from pilotlight.adapters.aws.enrolment import Task, enrol
from pilotlight.adapters.local.clock import ManualClock
from pilotlight.contracts import moves
from pilotlight.errors import Unavailable
from pilotlight.settings import LeaseSettings
from tests.contract import emulator
from tests.contract.ecs_fleet.account import WORKERS, enrolled, task
from tests.contract.fleet_suite import FleetSuite, stages
from tests.contract.local_fleet.stand_ins import SPECS


class TestEcsFleet(FleetSuite):
    """On moto; the suite over the same register is run on ministack with the local fleet."""

    @pytest.fixture
    def aws(self, moto):
        return moto


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


def test_a_service_that_cannot_be_told_keeps_no_other_and_no_end_from_being_told(
    fleet, account, register, roster, clock, monkeypatch
):
    want = Ecs.want

    def wants(self, worker, tasks):
        if worker == "quiet":
            raise Unavailable("ECS: AccessDenied")
        want(self, worker, tasks)

    fleet.start("quiet", 1)
    (place,) = stages(fleet)
    monkeypatch.setattr(Ecs, "want", wants)
    account.want(0)
    account.want(1, "says-why")
    clock.sleep(START_PATIENCE_S + 1)
    fleet._register.add("another", "quiet", slots=1, now=clock.now())

    assert [one.replica_id for one in fleet.poll_exits()] == [place]
    assert (account.desired(), account.desired("says-why")) == (0, 0)


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


@pytest.fixture
def rolled_out(account):
    """When the service's task definition was rolled out, by ECS's own clock."""
    return ManualClock(account.ecs.services(["quiet"])["quiet"].since)


def test_a_replica_of_an_older_image_goes_when_it_is_idle(
    account, register, roster, rolled_out, store, make_job
):
    clock = rolled_out
    fleet = EcsFleet(register, account.ecs, WORKERS, clock=clock, lease=LeaseSettings())
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


def test_under_load_a_stack_is_rolled_out_too(
    account, register, roster, rolled_out, store, make_job
):
    """The stack's deployment has put the service to none, and the older one is never seen idle."""
    clock = rolled_out
    fleet = EcsFleet(register, account.ecs, WORKERS, clock=clock, lease=LeaseSettings())
    older = Task(task().arn, f"{account.family}:0", account.cluster)
    busy = enrolled(register, roster, older, clock)
    job = make_job(worker="quiet")
    store.create([job])
    store.move(job.id, moves.lease(owner=busy, now=clock.now(), lease_s=60, margin_s=10))

    fleet._hold(["quiet"])
    assert (stages(fleet), account.desired()) == ({busy: "ready"}, 1)

    new = enrolled(
        register, roster, Task(task(2).arn, f"{account.family}:1", account.cluster), clock
    )
    fleet._hold(["quiet"])
    assert (stages(fleet), account.desired()) == ({busy: "draining", new: "ready"}, 1)
    assert store.get(job.id).owner == busy


@pytest.mark.parametrize(
    ("desired", "newer", "older", "working", "wanted"),
    [
        (0, 2, 0, 0, 2),
        (5, 2, 0, 0, 2),
        (1, 0, 1, 0, 1),  # a roll-out begins: ECS is about to start the newer one
        (1, 1, 1, 1, 1),  # it is there, and the older one works: no third
        (1, 2, 1, 1, 2),  # another was asked for
        (3, 1, 1, 1, 2),
        (0, 0, 1, 0, 0),  # ECS starts nothing in its place, and need not
        (0, 0, 3, 2, 2),  # those that work are replaced
        (1, 0, 0, 0, 0),
    ],
)
def test_a_roll_out_replaces_and_adds_nothing(desired, newer, older, working, wanted):
    assert tasks_wanted(desired, newer=newer, older=older, working=working) == wanted


def test_while_no_newer_replica_is_ready_an_older_one_stays_for_a_while(
    account, register, roster, rolled_out, store, make_job
):
    clock = rolled_out
    fleet = EcsFleet(register, account.ecs, WORKERS, clock=clock, lease=LeaseSettings())
    idle, busy = (
        enrolled(register, roster, Task(task(n).arn, f"{account.family}:0", account.cluster), clock)
        for n in (1, 2)
    )
    job = make_job(worker="quiet")
    store.create([job])
    store.move(job.id, moves.lease(owner=busy, now=clock.now(), lease_s=60, margin_s=10))
    account.ecs.want("quiet", 1)
    fleet._hold(["quiet"])
    assert (stages(fleet), account.desired()) == ({idle: "ready", busy: "ready"}, 1)

    clock.sleep(START_PATIENCE_S + 60)
    fleet._hold(["quiet"])
    assert stages(fleet) == {idle: "draining", busy: "draining"}


class TestTasks:
    """With tasks, which only ministack starts."""

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
