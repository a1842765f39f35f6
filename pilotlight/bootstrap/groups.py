"""Groups over the ports of any mode: whoever opens them, their kinds, their steward."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pilotlight.intake.groups.agents.kind import KIND as AGENT_RUN
from pilotlight.intake.groups.agents.kind import AgentRuns
from pilotlight.intake.groups.batches.kind import Batches
from pilotlight.intake.groups.batches.ticket import KIND as BATCH
from pilotlight.intake.groups.members import Members
from pilotlight.intake.groups.opening import Groups
from pilotlight.intake.groups.steward import LOOK_S, Steward
from pilotlight.intake.groups.waking import Waker

if TYPE_CHECKING:
    from pilotlight.bootstrap.parts import IngressParts
    from pilotlight.intake.groups.kind import Kind
    from pilotlight.intake.submit import Submit
    from pilotlight.ports.fleet import Lighter
    from pilotlight.settings import Settings

_ENDING_S: Final = 300.0
"""Three times what the largest batch takes (infra/SCALE.md)."""


def steward(settings: Settings, parts: IngressParts, lighter: Lighter, submit: Submit) -> Steward:
    """A new kind of group is one line here."""
    waker = Waker(
        store=parts.store,
        queue=parts.queue,
        lighter=lighter,
        clock=submit.clock,
        settings=settings.job,
    )
    members = Members(submit)
    kinds: dict[str, Kind] = {
        AGENT_RUN: _agent_runs(settings, parts, members, waker),
        BATCH: Batches(
            groups=parts.groups,
            blobs=parts.blobs,
            members=members,
            clock=submit.clock,
            most_line_bytes=settings.ingress.max_body_bytes,
        ),
    }
    return Steward(
        store=parts.store,
        groups=parts.groups,
        queue=parts.queue,
        announcer=parts.announcer,
        waker=waker,
        clock=submit.clock,
        kinds=kinds,
        look_s=settings.queue.upkeep_s if parts.store.remote else LOOK_S,
        ending_s=_ENDING_S if parts.store.remote else 0.0,
    )


def _agent_runs(
    settings: Settings, parts: IngressParts, members: Members, waker: Waker
) -> AgentRuns:
    return AgentRuns(
        store=parts.store,
        groups=parts.groups,
        blobs=parts.blobs,
        members=members,
        waker=waker,
        announcer=parts.announcer,
        clock=waker.clock,
        settings=settings.job,
    )


def groups(settings: Settings, parts: IngressParts, looked_after_by: Steward) -> Groups:
    return Groups(
        store=parts.store,
        groups=parts.groups,
        clock=looked_after_by.clock,
        settings=settings.job,
        kick=looked_after_by.kick,
    )
