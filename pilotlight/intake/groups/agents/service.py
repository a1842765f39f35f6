"""What a caller does with agents: keep one, run one, see where a run is."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from pilotlight.contracts.agent import Definition
from pilotlight.contracts.job import NORMAL_PRIORITY
from pilotlight.errors import InvalidInput, NotFound, Problem
from pilotlight.intake.groups.agents.check import checked
from pilotlight.intake.groups.agents.kind import KIND
from pilotlight.intake.groups.agents.run import Ticket
from pilotlight.intake.groups.opening import PREFIX, Opening
from pilotlight.intake.ids import new_id
from pilotlight.ports.agents import AgentRecord

if TYPE_CHECKING:
    from pilotlight.catalogue import Catalogue
    from pilotlight.contracts.job import Job
    from pilotlight.intake.admission import Admission
    from pilotlight.intake.groups.opening import Groups
    from pilotlight.intake.quotas import Quotas
    from pilotlight.ports.agents import AgentStore
    from pilotlight.ports.clock import Clock

ENDPOINT: Final = PREFIX + KIND
"""What stands in a run's row as its endpoint."""
MAX_DEFINITION_BYTES: Final = 256 * 1024
"""An item of a table holds 400 KB."""
_TRIES: Final = 5


class UnknownAgent(NotFound):
    code = "unknown_agent"


class UnknownRun(NotFound):
    code = "unknown_run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A run that somebody asks for."""

    caller: str
    origin: str
    given: dict[str, Any]
    """The input that templates name."""
    definition: Definition
    agent: AgentRecord | None = None
    base_url: str = ""
    options: str = "{}"
    webhook: str | None = None
    priority: int = NORMAL_PRIORITY
    expires_s: float | None = None
    keep_s: float | None = None
    idempotency_key: str | None = None
    body_sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agents:
    """Every method blocks on the store."""

    catalogue: Catalogue
    store: AgentStore
    groups: Groups
    quotas: Quotas
    admission: Admission
    clock: Clock

    def keep(
        self, definition: Definition, *, caller: str, name: str = "", agent_id: str | None = None
    ) -> AgentRecord:
        """A new agent, or the next version of one's own. Raises InvalidInput, UnknownAgent."""
        checked(definition, self.catalogue)
        record = AgentRecord(
            id=agent_id or new_id(self.clock.now()),
            caller=caller,
            version=1,
            name=name,
            definition=_text(definition),
            created_at=self.clock.now(),
        )
        for _ in range(_TRIES):
            if agent_id is not None:
                before = self.find(agent_id, caller=caller)
                record = replace(record, version=before.version + 1, name=name or before.name)
            if self.store.add(record):
                return record
        raise InvalidInput("somebody else writes new versions of this agent all the time")

    def find(self, agent_id: str, *, caller: str, version: int | None = None) -> AgentRecord:
        """Raises UnknownAgent."""
        found = self.store.find(agent_id, caller=caller, version=version)
        if found is None:
            what = "agent" if version is None else "version of this agent"
            raise UnknownAgent(f"no such {what}")
        return found

    def remove(self, agent_id: str, *, caller: str) -> None:
        """Its runs go on. Raises UnknownAgent."""
        if not self.store.remove(agent_id, caller=caller):
            raise UnknownAgent("no such agent")

    def start(self, wish: Wish) -> Job:
        """The run's head, once it cannot be lost.

        Raises InvalidInput, IdempotencyMismatch, and QueueQuotaReached and BacklogFull as a
        submit does: a run is let in while one more job would be.
        """
        steps = checked(wish.definition, self.catalogue, wish.given)
        self.quotas.job(wish.caller)
        for worker in sorted({step.served.spec.name for step in steps}):
            self.admission.admit(worker)
        agent = wish.agent
        ticket = Ticket(
            definition=json.loads(_text(wish.definition)),
            given=wish.given,
            endpoints={step.node.id: step.endpoint for step in steps},
            base_url=wish.base_url,
            agent=None if agent is None else {"id": agent.id, "version": agent.version},
        )
        return self.groups.open(
            Opening(
                caller=wish.caller,
                kind=KIND,
                origin=wish.origin,
                text=ticket.text(),
                options=wish.options,
                priority=wish.priority,
                webhook=wish.webhook,
                expires_s=wish.expires_s,
                keep_s=wish.keep_s,
                idempotency_key=wish.idempotency_key,
                body_sha256=wish.body_sha256,
            )
        )


def definition_of(record: AgentRecord) -> Definition:
    return Definition.model_validate_json(record.definition)


def is_run(job: Job) -> bool:
    return job.endpoint == ENDPOINT


def _text(definition: Definition) -> str:
    text = definition.model_dump_json(exclude_defaults=True)
    if len(text.encode()) > MAX_DEFINITION_BYTES:
        message = f"a definition is at most {MAX_DEFINITION_BYTES} bytes"
        raise InvalidInput(message, Problem(("body", "nodes"), message, "too_long"))
    return text
