"""A pool's service: one task of it runs the jobs of several workers, each from its own queue."""

from __future__ import annotations

import subprocess
import sys

import pytest

from handlers import aws_lambda, lambda_house
from infra.replica import published_as
from pilotlight.adapters.aws import queues
from pilotlight.adapters.aws.clients import Clients
from pilotlight.contracts.message import JobMessage
from pilotlight.settings import WHOLE
from tests.contract.ecs_agent import EcsAgent
from tests.lambdas.conftest import Context
from tests.live import ROOT, environment
from tests.sqs_stage import REGION

POOL, MEMBERS = "shared", ("alpha", "beta")


@pytest.fixture
def wanted():
    return {"fleet": POOL, "packages": ("tests.workers.shared",)}


@pytest.fixture
def submit(stack):
    """A job of a member: its row, and a message in that member's own queue."""
    rig, services = stack.rig, lambda_house.services()
    queues.create(rig.sqs, stack.settings, services.catalogue.workers)

    def put(worker):
        job_id = rig.submit({}, send=False, worker=worker, endpoint=f"shared/{worker}")
        services.queue.send(JobMessage(job_id=job_id, worker=worker))
        return job_id

    return put


@pytest.fixture
def overrule(stack, endpoint):
    """What an operator writes into the console."""
    clients = Clients(region=REGION, endpoint_url=endpoint, emulated=True)

    def put(word, value):
        name = f"/{stack.cluster}/workers/{POOL}/{word}"
        clients.control("ssm").put_parameter(Name=name, Value=value, Type="String")

    yield put
    clients.close()


@pytest.fixture
def task_of(stack, tmp_path):
    """Starts the process of the task that ECS was asked for, by the image's entry point."""
    made = []

    def start():
        (arn,) = stack.ecs_client.list_tasks(cluster=stack.cluster)["taskArns"]
        agent = EcsAgent(arn, family=stack.cluster, revision="1", cluster=stack.cluster)
        settings = stack.settings.model_copy(update={"data": tmp_path / "task"})
        with (tmp_path / "task.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "infra.replica", POOL],
                cwd=ROOT,
                env=environment(
                    **{WHOLE: settings.model_dump_json()},
                    POOL_DIARY=str(tmp_path / "diary"),
                    ECS_AGENT_URI=agent.uri,
                    ECS_CONTAINER_METADATA_URI_V4=agent.metadata_uri,
                ),
                stdout=log,
                stderr=log,
            )
        made.append((process, agent))
        return process

    yield start
    for process, agent in made:
        process.kill()
        process.wait()
        agent.close()


def test_one_task_runs_what_lies_in_the_queues_of_two_workers(
    stack, submit, overrule, task_of, tmp_path
):
    overrule("max", "1")
    ids = [submit(worker) for worker in MEMBERS for _ in range(2)]

    assert aws_lambda.kick({"worker": "alpha"}, Context()) == {"looked": True}
    assert stack.desired() == 1
    task_of()
    stack.rig.succeeded(*ids)

    assert stack.desired() == 1
    (replica,) = lambda_house.services().fleet.replicas()
    assert replica.worker == POOL
    owners = {one.owner for job in ids for one in stack.rig.store.attempts_of(job)}
    assert owners == {replica.id}
    ran = [line for line in (tmp_path / "diary").read_text().splitlines() if "run" in line]
    assert sorted(ran) == ["run alpha"] * 2 + ["run beta"] * 2
    for worker in MEMBERS:
        url = queues.queue_url(stack.settings, worker)
        stack.rig.until(lambda url=url: stack.rig.counts(url) == (0, 0), f"{worker}'s queue")


def test_a_pool_is_paused_by_its_own_name(stack, submit, overrule):
    submit("beta")
    overrule("paused", "true")

    assert aws_lambda.kick({"worker": "beta"}, Context()) == {"looked": True}
    assert stack.desired() == 0


def test_figures_count_jobs_by_worker_and_hosts_by_pool(stack, submit, overrule):
    submit("alpha")
    submit("beta")
    overrule("max", "1")
    aws_lambda.kick({"worker": "alpha"}, Context())

    figures = aws_lambda._minute()._measure(stack.rig.clock.now()).workers

    assert (figures["alpha"].queued, figures["alpha"].starting) == (1, 0)
    assert (figures[POOL].queued, figures[POOL].starting) == (0, 1)


def test_weights_of_a_pool_are_its_own_and_its_members(stack):
    with_pool = stack.settings.model_copy(update={"pools": {POOL: None}})
    assert published_as("echo", stack.settings) == ["echo"]
    found = published_as(POOL, with_pool)
    assert found[0] == POOL
    assert set(MEMBERS) < set(found)
