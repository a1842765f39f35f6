"""The register, ECS and its parameters themselves: what emulators answer at once, or do not have.

No machine is started: a service without instances only counts what it would run.
"""

from __future__ import annotations

import secrets
import time

import pytest
from pydantic import BaseModel

from pilotlight.adapters.aws.clients import Clients
from pilotlight.adapters.aws.ecs import Ecs
from pilotlight.adapters.aws.ecs_fleet import EcsFleet
from pilotlight.adapters.aws.ends import DynamoEnds
from pilotlight.adapters.aws.enrolment import Task, enrol, place_of
from pilotlight.adapters.aws.parameters import SsmOverrules
from pilotlight.adapters.aws.protection import Api
from pilotlight.adapters.aws.register import DynamoRegister
from pilotlight.adapters.aws.roster import DynamoRoster
from pilotlight.adapters.aws.store import DynamoStore
from pilotlight.contracts import moves
from pilotlight.contracts.worker import Endpoint, WorkerSpec
from pilotlight.errors import Unavailable
from pilotlight.ports.overrules import Overrule
from pilotlight.settings import LeaseSettings
from tests.sqs_stage import until

pytestmark = [pytest.mark.aws, pytest.mark.timeout(600)]


class Nothing(BaseModel):
    pass


SPEC = WorkerSpec(
    name="echo",
    endpoints=(Endpoint(id="test/echo", task="test", input=Nothing, output=Nothing),),
    gpu_memory_gib=0,
)


@pytest.fixture
def register(stage):
    return DynamoRegister(stage.calls, stage.table, place="test")


@pytest.fixture
def cluster():
    """One with a service of the worker, and nothing for it to run on."""
    clients = Clients()
    client, name = clients.control("ecs"), f"pilotlight-test-{secrets.token_hex(4)}"
    client.create_cluster(clusterName=name)
    container = {"name": "replica", "image": "public.ecr.aws/docker/library/busybox", "memory": 64}
    client.register_task_definition(family=name, containerDefinitions=[container])
    service = f"{name}-echo"
    client.create_service(cluster=name, serviceName=service, taskDefinition=name, desiredCount=0)
    yield Ecs(client, cluster=name, prefix=f"{name}-")
    client.delete_service(cluster=name, service=service, force=True)
    client.deregister_task_definition(taskDefinition=f"{name}:1")
    until(lambda: not client.list_services(cluster=name)["serviceArns"], "the service to go", 300)
    client.delete_cluster(cluster=name)
    clients.close()


def test_what_is_asked_for_shows_at_once_however_often_it_is_asked(register, clock):
    """The list is read consistently; an index would be a moment behind."""
    for number in range(20):
        name = f"echo-{secrets.token_hex(4)}"
        register.add(name, "echo", slots=1, now=clock.now())
        assert name in [one.id for one in register.recent(now=clock.now())], number
        register.end(name, "over", clean=True, now=clock.now())


def test_a_service_counts_what_the_rows_say(stage, cluster, clock):
    rows = DynamoRegister(stage.calls, stage.table, place=place_of(cluster.cluster))
    fleet = EcsFleet(rows, cluster, {"echo": SPEC}, clock=clock, lease=LeaseSettings())
    fleet.start("echo", 2)
    assert cluster.services(["echo"])["echo"].desired == 2
    for one in fleet.replicas():
        if one.stage == "starting":
            assert fleet.retire(one.id)
    assert cluster.services(["echo"])["echo"].desired == 0


def test_a_task_that_is_none_is_not_protected_but_said_to_be_missing(cluster):
    """In the account's own cluster: one of a stranger would be refused for another reason."""
    (found,) = cluster._client.describe_clusters(clusters=[cluster.cluster])["clusters"]
    of_the_cluster = found["clusterArn"].replace(":cluster/", ":task/")
    arn = f"{of_the_cluster}/{secrets.token_hex(16)}"
    with pytest.raises(Unavailable):
        Api(cluster._client, Task(arn, "x:1", cluster.cluster)).protect(10)


def test_what_ended_is_counted_a_moment_later(stage, clock, make_job, register):
    store = DynamoStore(stage.calls, stage.table, stage.texts, workers=("echo",))
    ends = DynamoEnds(stage.calls, stage.table, workers=("echo",), clock=clock)
    ends.fresh()
    job = make_job(id=f"job-{secrets.token_hex(4)}")
    store.create([job])
    job = store.move(job.id, moves.lease(owner="r", now=clock.now(), lease_s=60, margin_s=10))
    store.move(job.id, moves.succeed(job, now=clock.now(), output="{}"))
    until(lambda: ends.fresh()["echo"].succeeded == 1, "its end to be counted", 30)


def test_a_lease_after_a_retirement_is_refused_whatever_an_index_shows(stage, register, clock):
    roster = DynamoRoster(stage.calls, stage.table)
    name = enrol(register, "echo", slots=1, task=Task("arn", "x:1"), now=clock.now())
    roster.report(name, "ready", now=clock.now())
    assert register.retire(name)
    assert not roster.may_lease(name, now=clock.now())
    register.end(name, "over", clean=True, now=clock.now())


def test_parameters_are_read_page_by_page():
    clients, path = Clients(), f"/pilotlight-test-{secrets.token_hex(4)}"
    ssm, names = clients.control("ssm"), [f"worker-{number}" for number in range(12)]
    try:
        for name in names:
            ssm.put_parameter(Name=f"{path}/{name}/max", Value="3", Type="String")
        time.sleep(1)  # noqa: TID251 - Parameter Store is eventually consistent
        found = SsmOverrules(ssm, path, workers=names).read()
        assert found == dict.fromkeys(names, Overrule(None, 3))
    finally:
        keys = [f"{path}/{name}/max" for name in names]
        ssm.delete_parameters(Names=keys[:10])
        ssm.delete_parameters(Names=keys[10:])
        clients.close()
