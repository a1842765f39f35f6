"""ECS by the few requests that a fleet needs: how many tasks a service should run, which are over."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from pilotlight.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_SERVICES: Final = 10
"""Most services of one DescribeServices."""
_TASKS: Final = 100
"""Most tasks of one DescribeTasks."""
_OVER: Final = {"DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED", "DELETED"}


@dataclass(frozen=True, slots=True)
class Service:
    desired: int
    task_definition: str
    """ARN of what a task that starts now would run."""
    said: str
    """Its newest message, such as that no machine has room for a task."""
    since: float
    """When that task definition was rolled out, seconds since the epoch."""


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise Unavailable(f"ECS: {str(error)[:300]}") from error


class Ecs:
    """One cluster. Each method raises Unavailable when ECS does not do it now.

    A worker's service is called ``prefix`` and the worker's name.
    """

    def __init__(self, client: Any, *, cluster: str, prefix: str) -> None:
        self._client, self.cluster, self._prefix = client, cluster, prefix

    def service_name(self, worker: str) -> str:
        return self._prefix + worker.replace(".", "_")

    def services(self, workers: Iterable[str]) -> dict[str, Service]:
        """By worker; one without a service is left out."""
        names = {self.service_name(worker): worker for worker in workers}
        found = {}
        for batch in _batches(list(names), _SERVICES):
            with _translated():
                answer = self._client.describe_services(cluster=self.cluster, services=batch)
            for one in answer["services"]:
                if one.get("status") == "ACTIVE":
                    found[names[one["serviceName"]]] = _service(one)
        return found

    def want(self, worker: str, tasks: int) -> None:
        """The service is to run so many. Those it stops for it are not protected ones."""
        with _translated():
            self._client.update_service(
                cluster=self.cluster, service=self.service_name(worker), desiredCount=tasks
            )

    def over(self, tasks: Sequence[str]) -> dict[str, str]:
        """Which of these tasks, by ARN, run no more or will not much longer, and why."""
        gone = {}
        for batch in _batches(tasks, _TASKS):
            with _translated():
                answer = self._client.describe_tasks(cluster=self.cluster, tasks=batch)
            for one in answer["tasks"]:
                if one.get("lastStatus") in _OVER:
                    gone[one["taskArn"]] = _words(one)
            for one in answer["failures"]:
                if one.get("reason") == "MISSING":  # ECS forgets a stopped task after an hour
                    gone[one["arn"]] = "its task is gone"
        return gone

    def stop(self, task: str, why: str) -> None:
        """SIGTERM, and SIGKILL after its stop timeout; protected or not."""
        with _translated():
            self._client.stop_task(cluster=self.cluster, task=task, reason=why)


def _service(said: dict[str, Any]) -> Service:
    rollouts = [one for one in said.get("deployments", ()) if one.get("status") == "PRIMARY"]
    return Service(
        desired=said["desiredCount"],
        task_definition=said.get("taskDefinition", ""),
        said=next((event["message"] for event in said.get("events", ())), ""),
        since=max((one["createdAt"].timestamp() for one in rollouts), default=0.0),
    )


def _words(task: dict[str, Any]) -> str:
    """``OutOfMemoryError ... (exit code 137)``, or what ECS itself gives as its reason."""
    said = [task["stoppedReason"]] if task.get("stoppedReason") else []
    for container in task.get("containers", ()):
        if container.get("reason"):
            said.append(container["reason"])
        if container.get("exitCode"):
            said.append(f"exit code {container['exitCode']}")
    return "; ".join(said) or "its task has stopped"


def _batches(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for first in range(0, len(items), size):
        yield items[first : first + size]
