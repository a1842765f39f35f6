"""Every Lambda as its own process would have it, on an emulated account with an ECS cluster."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from handlers import aws_lambda, lambda_house
from pilotlight.adapters.aws.clients import Clients
from pilotlight.adapters.aws.ecs import Ecs
from pilotlight.intake import keys
from pilotlight.observability import logs
from pilotlight.settings import WHOLE
from tests.celery.conftest import endpoint, rig_of
from tests.contract.emulator import quick_clients
from tests.sqs_stage import REGION

EVENTS = Path(__file__).parent / "events"
WORKER = "echo"
__all__ = ["endpoint", "quick_clients", "rig_of"]


def event(name):
    return json.loads((EVENTS / f"{name}.json").read_text())


class Context:
    """What Lambda says about an invocation."""

    def __init__(self, seconds=60):
        self.seconds = seconds

    def get_remaining_time_in_millis(self):
        return int(self.seconds * 1000)


def forget_processes():
    """The next invocation starts cold, and logs to the standard error of its own time."""
    logs.log.handlers.clear()
    if aws_lambda._bridge.cache_info().currsize:
        aws_lambda._bridge().close()
    if aws_lambda._dispatcher.cache_info().currsize:
        aws_lambda._dispatcher().close()
    if lambda_house.services.cache_info().currsize:
        lambda_house.services().close()
    for made in (
        aws_lambda._bridge,
        aws_lambda._minute,
        aws_lambda._dispatcher,
        lambda_house.services,
    ):
        made.cache_clear()


class Stack:
    """A deployed stack: ``rig`` has its queues, tables, bucket and replicas; one ECS service."""

    def __init__(self, rig, client, *, fleet=WORKER, packages=("workers",), drops=False):
        self.rig, self.ecs_client, self.fleet = rig, client, fleet
        self.cluster = rig.settings.aws.jobs_table.removesuffix("-jobs")
        client.create_cluster(clusterName=self.cluster)
        client.register_task_definition(
            family=self.cluster,
            containerDefinitions=[{"name": "replica", "image": "image", "memory": 128}],
        )
        self.ecs = Ecs(client, cluster=self.cluster, prefix=f"{self.cluster}-")
        client.create_service(
            cluster=self.cluster,
            serviceName=self.ecs.service_name(fleet),
            taskDefinition=self.cluster,
            desiredCount=0,
        )
        aws = rig.settings.aws.model_copy(
            update={
                "cluster": self.cluster,
                "service_prefix": f"{self.cluster}-",
                "parameters": f"/{self.cluster}/workers",
                "stage": "prod",
                "drop_bucket": rig.settings.aws.bucket if drops else "",
            }
        )
        self.settings = rig.settings.model_copy(update={"aws": aws, "workers": packages})

    def desired(self):
        return self.ecs.services([self.fleet])[self.fleet].desired

    def key(self, caller="alice"):
        services = lambda_house.services()
        text, record = keys.mint(pepper=services.pepper, caller=caller, name="", now=0)
        services.keys.add(record)
        return text

    def ask(self, method, path, body=None, *, key=None, query="", seconds=60, **headers):
        """The ingress's answer to a request as a Function URL hands it over."""
        asked = copy.deepcopy(event("function_url"))
        asked["rawPath"] = asked["requestContext"]["http"]["path"] = path
        asked["requestContext"]["http"]["method"] = method
        asked["rawQueryString"] = query
        asked["headers"] |= {name.replace("_", "-"): value for name, value in headers.items()}
        asked["headers"].pop("authorization")
        if key is not None:
            asked["headers"]["authorization"] = f"Key {key}"
        asked.pop("body")
        if body is not None:
            asked["body"] = json.dumps(body)
        return aws_lambda.ingress(asked, Context(seconds))


@pytest.fixture
def wanted():
    """What the stack runs, where it is not the checkout's own workers."""
    return {}


@pytest.fixture
def stack(rig_of, endpoint, monkeypatch, wanted):
    rig = rig_of(WORKER)
    clients = Clients(region=REGION, endpoint_url=endpoint, emulated=True)
    made = Stack(rig, clients.control("ecs"), **wanted)
    monkeypatch.setenv(WHOLE, made.settings.model_dump_json())
    forget_processes()
    yield made
    forget_processes()
    clients.close()
