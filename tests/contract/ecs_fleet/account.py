"""An ECS cluster on an emulator, and tasks that become replicas."""

from __future__ import annotations

import itertools

from pilotlight.adapters.aws.clients import Clients
from pilotlight.adapters.aws.ecs import Ecs
from pilotlight.adapters.aws.enrolment import Task, enrol
from tests.contract import emulator
from tests.contract.local_fleet.stand_ins import SPECS

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

    def want(self, tasks, worker="quiet"):
        """What an operator may set by hand."""
        service = f"test-{worker}"
        self.client.update_service(cluster=self.cluster, service=service, desiredCount=tasks)

    def tasks(self, worker="quiet"):
        """Those that run for it."""
        answer = self.client.list_tasks(
            cluster=self.cluster, serviceName=f"test-{worker}", desiredStatus="RUNNING"
        )
        return [Task(arn, f"{self.family}:1", self.cluster) for arn in answer["taskArns"]]


def enrolled(register, roster, task, clock, worker="quiet", stage="ready"):
    """A task that ECS started becomes a replica; its id."""
    replica_id = enrol(register, worker, slots=2, task=task, now=clock.now())
    roster.report(replica_id, "loading", now=clock.now())
    roster.report(replica_id, stage, now=clock.now())
    return replica_id


def task(number=1, revision="family:1"):
    return Task(f"arn:aws:ecs:us-east-1:000000000000:task/c/{number}", revision, "c")
