"""Upkeep each minute and the kick of a submit, on real rows and ECS services."""

from __future__ import annotations

import json
import time

import pytest

from handlers import aws_lambda, lambda_house
from handlers.lambda_upkeep import LOOK_S, MinuteUpkeep, look
from pilotlight import bootstrap
from pilotlight.adapters.aws.enrolment import Task, enrol
from pilotlight.adapters.local.clock import ManualClock
from pilotlight.contracts import moves
from pilotlight.contracts.job import JobStatus
from pilotlight.errors import Unavailable
from pilotlight.intake.groups import steward
from tests.celery.test_batch_costs import Batch
from tests.contract.emulator import Faults
from tests.lambdas.conftest import WORKER, Context, event


@pytest.fixture
def clock():
    return ManualClock(time.time())


@pytest.fixture
def services(stack, clock):
    made = bootstrap.services(stack.settings, clock=clock)
    yield made
    made.close()


@pytest.fixture
def minute(services):
    """One process of the upkeep Lambda, and the lines of metrics it wrote."""
    lines = []
    made = MinuteUpkeep(services, say=lambda line: lines.append(json.loads(line)))
    made.lines = lines
    return made


def stages(services):
    return {one.id: one.stage for one in services.fleet.replicas()}


def test_a_kick_starts_the_first_replica_once(stack, capsys):
    stack.rig.submit({"text": "hi"})
    assert aws_lambda.kick({"worker": WORKER}, Context()) == {"looked": True}
    assert stack.desired() == 1
    assert aws_lambda.kick({"worker": WORKER}, Context()) == {"looked": True}
    assert stack.desired() == 1
    assert list(stages(lambda_house.services()).values()) == ["starting"]


def test_upkeep_may_be_kicked_itself_because_it_is_warm(stack):
    stack.rig.submit({"text": "hi"})
    assert aws_lambda.upkeep({"worker": WORKER}, Context()) == {"looked": True}
    assert stack.desired() == 1


def test_a_kick_for_a_job_that_an_index_does_not_show_yet_looks_again(stack, services, clock):
    from handlers.lambda_upkeep import kick

    began = clock.monotonic()
    assert kick(services, WORKER)
    assert 1 <= clock.monotonic() - began <= 3
    assert stack.desired() == 0
    assert kick(services, "a worker that is deployed no more")


def test_while_another_looks_a_kick_leaves_word_and_that_look_is_followed_by_one(
    stack, services, clock
):
    other = bootstrap.services(stack.settings, clock=clock)
    assert other.turn.take()
    stack.rig.submit({"text": "hi"})
    assert not look(services)
    assert stack.desired() == 0

    assert other.turn.give() is False
    other.controller(clock.now())
    assert other.turn.give() is True
    assert stack.desired() == 1
    assert look(services)
    other.close()


def test_a_turn_whose_holder_died_is_over_after_a_while(stack, services, clock):
    dead = bootstrap.services(stack.settings, clock=clock)
    assert dead.turn.take()
    assert not look(services)
    clock.sleep(31)
    assert look(services)
    assert dead.turn.give() is True  # it is not his any more
    dead.close()


def test_a_look_that_fails_gives_its_turn_back(stack, services, monkeypatch):
    def fail(_now):
        raise Unavailable("DynamoDB is away")

    monkeypatch.setattr(type(services.controller), "__call__", lambda self, now: fail(now))
    with pytest.raises(Unavailable):
        look(services)
    monkeypatch.undo()
    assert look(services)


def test_while_nothing_waits_or_runs_it_looks_once(minute, clock):
    began = clock.monotonic()
    assert minute(within_s=70) == 1
    assert clock.monotonic() == began


def test_while_a_job_waits_it_stays_and_looks_each_twenty_seconds(stack, minute, clock):
    stack.rig.submit({"text": "hi"})
    began = clock.monotonic()
    assert minute(within_s=70) == 3
    assert clock.monotonic() - began == 2 * LOOK_S
    assert stack.desired() == 1
    assert minute(within_s=35) == 2  # the invocation itself has less time


def test_a_lost_lease_is_taken_back_and_its_message_sent_again(stack, minute, services, clock):
    job_id = stack.rig.submit({"text": "hi"}, send=False, created_at=clock.now())
    stack.rig.store.move(
        job_id, moves.lease(owner="dead", now=clock.now(), lease_s=8, margin_s=0.1)
    )
    clock.sleep(9)
    minute(within_s=70)
    assert stack.rig.job(job_id).status is JobStatus.QUEUED
    assert stack.rig.counts()[0] >= 1  # a look later it is sent again, in case we died before


def test_jobs_of_a_task_that_stopped_are_free_at_once(stack, minute, services, clock):
    """ECS says so by an event; the look that it asks for sees it in ECS itself."""
    services.fleet.start(WORKER, 1)
    (arn,) = stack.ecs_client.list_tasks(cluster=stack.cluster)["taskArns"]
    own = Task(arn, f"{stack.cluster}:1", stack.cluster)
    replica_id = enrol(services.fleet._register, WORKER, slots=1, task=own, now=clock.now())
    job_id = stack.rig.submit({"text": "hi"}, created_at=clock.now())
    stack.rig.store.move(
        job_id, moves.lease(owner=replica_id, now=clock.now(), lease_s=600, margin_s=10)
    )
    stack.ecs.stop(arn, "the machine is going")

    assert aws_lambda.upkeep(event("task_stopped"), Context(20)) == {"looks": 1}
    assert stack.rig.job(job_id).status is JobStatus.QUEUED
    assert stack.rig.job(job_id).losses == 1


def test_a_task_that_stopped_keeps_no_function_for_a_minute_and_is_counted_by_that_minutes_own(
    stack, minute, clock
):
    """Ten that stop at once are ten invocations, in ten processes."""
    for number in range(3):
        stack.rig.submit({"text": "hi"}, id=f"waits-{number}", created_at=clock.now() - 7)
    before = clock.now()

    assert minute.after_a_stop() == 1

    assert clock.now() == before
    assert minute.lines == []
    assert stack.desired() >= 1  # capacity was looked at


def test_a_worker_without_work_costs_no_metrics_and_its_lines_end_with_zeros(stack, minute, clock):
    def told():
        minute.lines.clear()
        minute(within_s=15)
        return [line["Queued"] for line in minute.lines if line.get("Worker") == WORKER]

    assert told() == []
    job_id = stack.rig.submit({"text": "hi"}, created_at=clock.now())
    clock.sleep(60)
    assert told() == [1]
    stack.rig.store.move(job_id, moves.cancel(stack.rig.job(job_id), now=clock.now()))
    for one in minute._services.fleet.replicas():
        minute._services.fleet._register.end(one.id, "over", clean=True, now=clock.now())
    seen = []
    for _ in range(12):
        clock.sleep(60)
        seen += told() or ["none"]
    assert seen[0] == 0
    assert seen[-1] == "none"
    assert seen.count(0) in (9, 10, 11)


def figures(minute, **dimensions):
    """The newest values with these dimensions."""
    found = [line for line in minute.lines if dimensions.items() <= line.items()]
    return found[-1]


def test_each_minute_is_measured_in_lines_that_cloudwatch_reads(stack, minute, clock):
    for number in range(3):
        stack.rig.submit({"text": "hi"}, id=f"waits-{number}", created_at=clock.now() - 7)
    over = stack.rig.submit({"text": "hi"}, created_at=clock.now() - 7)
    job = stack.rig.store.move(
        over, moves.lease(owner="r", now=clock.now() - 6, lease_s=60, margin_s=10)
    )
    stack.rig.store.move(over, moves.succeed(job, now=clock.now() - 5, output="{}"))
    minute(within_s=35)

    line = figures(minute, Stage="prod", Worker=WORKER)
    assert (line["Queued"], line["Running"], line["Succeeded"], line["Failed"]) == (3, 0, 1, 0)
    assert line["Starting"] >= 1
    assert 6 <= line["OldestQueuedSeconds"] <= 8
    (told,) = line["_aws"]["CloudWatchMetrics"]
    assert told["Namespace"] == "Pilotlight"
    assert told["Dimensions"] == [["Stage", "Worker"]]
    assert {"Name": "OldestQueuedSeconds", "Unit": "Seconds"} in told["Metrics"]
    assert {"Name": "Queued", "Unit": "Count"} in told["Metrics"]
    whole = next(line for line in minute.lines if "Looks" in line)
    assert (whole["Looks"], whole["OverdueLeases"], whole["DeadLetters"]) == (1, 0, 0)

    clock.sleep(60)
    minute(within_s=35)
    assert figures(minute, Worker=WORKER)["Succeeded"] == 0  # it was told


def test_what_cannot_be_taken_back_shows_as_overdue(stack, services, minute, clock):
    job_id = stack.rig.submit({"text": "hi"}, created_at=clock.now())
    stack.rig.store.move(
        job_id, moves.lease(owner="dead", now=clock.now(), lease_s=8, margin_s=0.1)
    )
    clock.sleep(68)
    measured = minute._measure(clock.now())
    assert measured.overdue_leases == 1
    assert 59 <= measured.overdue_s <= 61


def test_one_chore_that_fails_stops_no_other(stack, services, minute, clock):
    stack.rig.submit({"text": "hi"}, created_at=clock.now())
    faults = Faults(services.fleet._ecs._client)
    faults.answer("DescribeServices", 503, "ServerException", times=30)
    try:
        minute(within_s=25)
    finally:
        faults.clear()
    assert figures(minute, Worker=WORKER)["Queued"] == 1


def test_an_operator_pauses_a_worker_and_lets_it_go_on(stack, services, minute, clock):
    from pilotlight.adapters.aws.clients import Clients
    from tests.sqs_stage import REGION

    clients = Clients(region=REGION, endpoint_url=stack.settings.aws.endpoint_url, emulated=True)
    ssm, path = clients.control("ssm"), stack.settings.aws.parameters

    def say(word, value):
        ssm.put_parameter(
            Name=f"{path}/{WORKER}/{word}", Value=value, Type="String", Overwrite=True
        )

    services.overrules.pause(WORKER, now=clock.now())
    stack.rig.submit({"text": "hi"}, created_at=clock.now())
    minute(within_s=25)
    assert stack.desired() == 0
    assert "paused" in services.controller.decisions[WORKER].reason

    services.overrules.resume(WORKER)
    say("min", "2")
    say("max", "2")
    clock.sleep(60)
    minute(within_s=25)
    assert stack.desired() == 2

    say("paused", "true")
    clock.sleep(60)
    minute(within_s=25)
    assert stack.desired() == 0
    clients.close()


def test_all_ends_that_are_there_are_counted_in_one_look(minute, services, monkeypatch):
    """One call of the steward reads so many marks and no more; a batch ends by the thousand."""
    monkeypatch.setattr(steward, "BATCH", 5)
    batch = Batch(services, 12)
    minute(within_s=1)
    assert batch.tally.total == 12
    batch.run_all()

    minute(within_s=1)

    assert services.store.get(batch.head_id).status is JobStatus.SUCCEEDED
    assert len(batch.outputs()) == 12
