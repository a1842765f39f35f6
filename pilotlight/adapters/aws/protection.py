"""ECS must not stop a replica that may hold a job, whatever the number of tasks it should have.

Protection is taken before the replica says that it takes jobs, renewed with its beats, and given
back when nothing is left in its hands. It ends by itself after a while, so that a replica that
hangs does not hold its machine for ever.

Facts: Amazon ECS developer guide, "Protect your Amazon ECS tasks from being terminated by scale-in
events": PUT ``$ECS_AGENT_URI/task-protection/v1/state``, 1 to 2,880 minutes; the answer holds
``protection`` or ``failure`` or ``error``.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from pilotlight.adapters.aws.enrolment import Task
from pilotlight.errors import Unavailable
from pilotlight.observability.logs import event

if TYPE_CHECKING:
    from pilotlight.adapters.aws.roster import DynamoRoster
    from pilotlight.ports.clock import Clock
    from pilotlight.ports.fleet import LoadStep, Stage

TERM_MINUTES: Final = 10
"""How long one request protects."""
_RENEW_S: Final = 60.0 * TERM_MINUTES / 2
"""Renewed by the first beat after this: a beat that fails has ten more before it is over."""
_TIMEOUT_S: Final = 5.0


class Protector(Protocol):
    def protect(self, minutes: int | None) -> None:
        """From now on for so long; None gives it back. Raises Unavailable."""
        ...


class Agent:
    """The endpoint that ECS gives each container: ``ECS_AGENT_URI``."""

    def __init__(self, uri: str) -> None:
        self._url = f"{uri}/task-protection/v1/state"

    def protect(self, minutes: int | None) -> None:
        wish: dict[str, Any] = {"ProtectionEnabled": minutes is not None}
        if minutes is not None:
            wish["ExpiresInMinutes"] = minutes
        answer = _exchange(self._url, method="PUT", body=json.dumps(wish).encode())
        if "protection" not in answer:
            raise Unavailable(f"ECS does not protect this task: {str(answer)[:300]}")


class Api:
    """The same without an agent that can be asked: UpdateTaskProtection."""

    def __init__(self, client: Any, task: Task) -> None:
        self._client, self._task = client, task

    def protect(self, minutes: int | None) -> None:
        more = {} if minutes is None else {"expiresInMinutes": minutes}
        try:
            answer = self._client.update_task_protection(
                cluster=self._task.cluster,
                tasks=[self._task.arn],
                protectionEnabled=minutes is not None,
                **more,
            )
        except (ClientError, BotoCoreError) as error:
            raise Unavailable(f"ECS: {str(error)[:300]}") from error
        if answer["failures"]:
            raise Unavailable(f"ECS does not protect this task: {answer['failures'][0]}")


def task_here(metadata_uri: str) -> Task:
    """The task that this container is in: ``ECS_CONTAINER_METADATA_URI_V4``. Raises Unavailable."""
    said = _exchange(f"{metadata_uri}/task")
    try:
        return Task(said["TaskARN"], f"{said['Family']}:{said['Revision']}", said["Cluster"])
    except KeyError as missing:
        raise Unavailable(f"ECS does not say the {missing} of this task") from None


def _exchange(url: str, *, method: str = "GET", body: bytes | None = None) -> dict[str, Any]:
    request = urllib.request.Request(  # noqa: S310 - ECS set the address, no caller did
        url, data=body, method=method, headers={"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - as above
            found: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            raise Unavailable(f"the ECS agent answered {error.code}: {error.read(300)!r}") from None
    except (OSError, ValueError) as error:
        raise Unavailable(f"the ECS agent does not answer: {error}") from error
    return found


class ProtectedRoster:
    """A roster whose replica is protected from its first word to its last."""

    def __init__(self, roster: DynamoRoster, protector: Protector, clock: Clock) -> None:
        self._roster, self._protector, self._clock = roster, protector, clock
        self._until = self._renew_at = float("-inf")

    def report(self, replica_id: str, stage: Stage, *, now: float, error: str = "") -> None:
        """Raises Unavailable when a replica that would take jobs cannot be protected."""
        if stage in ("loading", "ready"):
            self._renew()
        self._roster.report(replica_id, stage, now=now, error=error)
        if stage in ("gone", "failed"):
            self._give_back()

    def stepped(self, replica_id: str, step: LoadStep, *, now: float) -> None:
        self._roster.stepped(replica_id, step, now=now)

    def seen(self, replica_id: str, *, now: float) -> bool:
        if self._until > float("-inf"):
            try:
                self._renew()
            except Unavailable as problem:  # most of the term is left, and the next beat comes
                event("replica.unprotected", replica=replica_id, error=str(problem))
        return self._roster.seen(replica_id, now=now)

    def may_lease(self, replica_id: str, *, now: float, leases: int = 1) -> bool:
        """Raises Unavailable where a lease would not be protected."""
        if leases and self._clock.monotonic() >= self._until:
            self._renew()
        return self._roster.may_lease(replica_id, now=now, leases=leases)

    def _renew(self) -> None:
        now = self._clock.monotonic()
        if now < self._renew_at:
            return
        self._protector.protect(TERM_MINUTES)
        self._until = now + 60.0 * TERM_MINUTES
        self._renew_at = now + _RENEW_S

    def _give_back(self) -> None:
        self._until = self._renew_at = float("-inf")
        try:
            self._protector.protect(None)
        except Unavailable as problem:  # it ends by itself, and the task with its process
            event("replica.still_protected", error=str(problem))
