"""How a task that ECS started becomes a replica: it takes the oldest place that waits for one."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pilotlight.adapters.aws import replica_items as items

if TYPE_CHECKING:
    from pilotlight.adapters.aws.register import DynamoRegister


@dataclass(frozen=True, slots=True)
class Task:
    """What ECS says of the task that we are in."""

    arn: str
    revision: str
    """``family:number`` of its task definition."""
    cluster: str = ""


def enrol(register: DynamoRegister, worker: str, *, slots: int, task: Task, now: float) -> str:
    """The id under which this task is a replica of the worker.

    A task that finds no place makes one: a service may start it by itself, in place of one that
    died or because an alarm said so.
    """
    own = {"task": {"S": task.arn}, "revision": {"S": task.revision}}
    for row in register.open_items():
        mine = row[items.WORKER]["S"] == worker and items.text(row, "stage") == "starting"
        if mine and "task" not in row and register.take(row["id"]["S"], own):
            return row["id"]["S"]  # type: ignore[no-any-return]
    replica_id = f"{worker}-{secrets.token_hex(4)}"
    register.add(replica_id, worker, slots=slots, now=now, **own)
    return replica_id


def place_of(cluster: str) -> str:
    """Whose replicas a cluster's tasks are."""
    return f"ecs:{cluster.rpartition('/')[2]}"
