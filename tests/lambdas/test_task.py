"""A replica as ECS starts it: a container that knows its settings, and an agent it can ask."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from handlers import aws_lambda, lambda_house
from pilotlight import bootstrap
from pilotlight.adapters.aws.clients import Clients
from pilotlight.contracts.job import JobStatus
from pilotlight.errors import SettingsError
from pilotlight.settings import WHOLE, Settings
from tests.contract.ecs_agent import EcsAgent
from tests.lambdas.conftest import WORKER, Context
from tests.live import ROOT, environment
from tests.sqs_stage import REGION


@pytest.fixture
def agent(stack):
    lambda_house.services()
    stack.rig.submit({"text": "first"})
    aws_lambda.kick({"worker": WORKER}, Context())
    (arn,) = stack.ecs_client.list_tasks(cluster=stack.cluster)["taskArns"]
    made = EcsAgent(arn, family=stack.cluster, revision="1", cluster=stack.cluster)
    yield made
    made.close()


@pytest.fixture
def task(stack, agent, tmp_path):
    """The process of the task that a kick made ECS start."""
    settings = stack.settings.model_copy(update={"data": tmp_path / "task"})
    with (tmp_path / "task.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "workers", WORKER],
            cwd=ROOT,
            env=environment(
                **{WHOLE: settings.model_dump_json()},
                ECS_AGENT_URI=agent.uri,
                ECS_CONTAINER_METADATA_URI_V4=agent.metadata_uri,
            ),
            stdout=log,
            stderr=log,
        )
    process.log, process.alive = tmp_path / "task.log", tmp_path / "task" / "alive"
    yield process
    process.kill()
    process.wait()


def stages():
    return [one.stage for one in lambda_house.services().fleet.replicas()]


def test_from_a_submit_to_its_result_and_back_to_zero(stack, agent, task):
    rig, fleet = stack.rig, lambda_house.services().fleet
    (place,) = fleet.replicas()
    rig.succeeded("job-1")
    (replica,) = fleet.replicas()
    assert (replica.id, replica.stage) == (place.id, "ready")
    assert replica.asked_at == place.asked_at
    assert agent.protected
    assert task.alive.exists()

    assert fleet.retire(replica.id)
    assert stack.desired() == 0
    assert task.wait(60) == 0, task.log.read_text()
    assert not agent.protected
    assert stages() == ["gone"]
    assert rig.counts() == (0, 0)


def test_a_task_that_ecs_tells_to_go_hands_its_job_back_unprotected(stack, agent, task):
    rig = stack.rig
    rig.succeeded("job-1")
    job_id = rig.submit({"text": "t", "sleep_s": 60})
    rig.until(lambda: rig.job(job_id).status is JobStatus.RUNNING, "the run to begin")
    task.send_signal(signal.SIGTERM)
    assert task.wait(60) == 0, task.log.read_text()
    assert (rig.job(job_id).status, rig.job(job_id).attempts) == (JobStatus.QUEUED, 0)
    assert not agent.protected
    assert rig.counts() == (1, 0)


# The operator, from another machine


@pytest.fixture
def parameter(stack):
    clients = Clients(region=REGION, endpoint_url=stack.settings.aws.endpoint_url, emulated=True)

    def put(text):
        name = f"/{stack.cluster}/settings"
        clients.control("ssm").put_parameter(Name=name, Value=text, Type="String", Overwrite=True)
        return name

    yield put
    clients.close()


def of_an_operator(stack, name):
    aws = {"region": REGION, "endpoint_url": stack.settings.aws.endpoint_url, "emulated": True}
    return Settings(stack=name, aws=aws, workers=("workers",))


def test_an_operator_finds_a_stack_by_the_name_of_its_settings(stack, parameter):
    kept = stack.settings.model_dump(mode="json", include={"mode", "aws", "queue", "lease"})
    for local in ("region", "endpoint_url", "emulated"):
        del kept["aws"][local]
    found = bootstrap.pointed(of_an_operator(stack, parameter(json.dumps(kept))))
    assert found.mode == "aws"
    assert found.aws == stack.settings.aws
    assert found.queue == stack.settings.queue
    lambda_house.services().fleet.start(WORKER, 1)
    services = bootstrap.services(found)
    assert [one.stage for one in services.fleet.replicas()] == ["starting"]
    services.close()


def test_a_stack_that_cannot_be_read_says_why(stack, parameter):
    with pytest.raises(SettingsError, match="AWS_PROFILE"):
        bootstrap.pointed(of_an_operator(stack, "/none/such"))
    with pytest.raises(SettingsError, match="not settings"):
        bootstrap.pointed(of_an_operator(stack, parameter('{"moon": 1}')))
