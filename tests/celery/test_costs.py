"""What a job and an idle hour cost on AWS: every request, counted by name at a proxy."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from handlers.upkeep import Upkeep
from handlers.upkeep_remote import remote_chores
from pilotlight import bootstrap
from pilotlight.adapters.aws import queues, wire
from pilotlight.adapters.local.clock import ManualClock
from pilotlight.intake.submission import Submission
from tests.celery.proxy import RECEIVE
from tests.unit.test_upkeep import pass_time

JOBS = 10
PER_JOB = {
    "PutItem": 1,  # T1: the row
    "SendMessage": 1,
    "UpdateItem": 4,  # T2 queued, the replica's row says it may, T3 leased, T6 succeeded
    "ReceiveMessage": 1,
    "DeleteMessage": 1,
}
MOST_PER_JOB = 8


@pytest.fixture
def clock():
    """Stands still, so that what is looked up once a second is looked up once."""
    return ManualClock(time.time())


@pytest.fixture
def house(rig_of, proxy, clock):
    """The ingress side of a rig whose every request goes through the proxy."""
    rig = rig_of(
        "echo",
        through=proxy.url,
        queue={"wait_s": 20, "visibility_s": 300},
        lease={"lease_s": 240, "beat_s": 120},  # no beat while jobs are counted
    )
    services = bootstrap.services(rig.settings, clock=clock)
    yield rig, services
    services.close()


def submit(services, text="hi"):
    body = json.dumps({"text": text}).encode()
    submission = Submission(caller="alice", endpoint="pilotlight/echo", body=body, origin="fal")
    return asyncio.run(services.submit(submission)).id


def polled(rig, proxy):
    """Every job before is over, and the replica waits for the next."""
    rig.until(lambda: rig.counts() == (0, 0), "the last message to go")
    rig.until(lambda: proxy.held[RECEIVE] == 1, "the poll for the next one")


def test_a_job_costs_eight_requests_and_the_counts_that_many_share(house, proxy):
    rig, services = house
    process = rig.start()
    rig.succeeded(submit(services))  # the first one opens connections and reads secrets
    polled(rig, proxy)
    proxy.calls.clear()
    proxy.bodies.clear()

    for _ in range(JOBS):
        rig.succeeded(submit(services))
    polled(rig, proxy)

    assert dict(proxy.calls) == {name: times * JOBS for name, times in PER_JOB.items()}
    assert sum(PER_JOB.values()) <= MOST_PER_JOB
    process.kill()
    process.wait()


def test_an_id_travels_through_sqs_whatever_the_job_holds(house, proxy):
    _, services = house
    job_id = submit(services, "x" * 20_000)

    (request,) = proxy.bodies
    body = json.loads(request)["MessageBody"]
    assert wire.decode(body).job_id == job_id
    assert len(body) < 2048
    assert b"xxx" not in request


def test_while_nothing_runs_it_costs_one_look_a_minute(house, proxy, clock):
    """Five minutes of the hour: what is hourly falls into the second of them."""
    rig, _ = house
    settings = rig.settings.model_copy(update={"workers": ("workers",)})
    services, kicks = bootstrap.services(settings, clock=clock), []
    queues.create(rig.sqs, settings, services.catalogue.workers)
    upkeep = Upkeep(
        remote_chores(services, kick=lambda: kicks.append(clock.now())),
        clock=clock,
        wake=services.controller.lit,
    )
    upkeep.step()
    proxy.calls.clear()
    pass_time(upkeep, clock, 290)
    services.close()

    looks = 4
    due, forgotten = 16, 16  # shards of an index
    workers = len(services.catalogue.workers)
    loads = 2 * workers  # those that wait, those that run
    replicas, warmed, ended = 1, 1, workers
    lists_of_files = proxy.calls.pop("GET")
    assert lists_of_files <= 3
    assert dict(proxy.calls) == {
        "Query": looks * (due + loads + replicas + warmed + ended) + forgotten + replicas,
        "ReceiveMessage": looks * workers,  # of dead letters
    }
    assert kicks == []  # the dispatcher looks once a minute by itself: 32 more
