"""What looks after groups, with one thing that it does for safety taken away."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

from pilotlight.contracts import moves
from pilotlight.contracts.group import Tally
from pilotlight.intake.groups.agents.kind import AgentRuns
from pilotlight.intake.groups.agents.run import Run
from pilotlight.intake.groups.steward import Steward

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from pilotlight.contracts.job import Job
    from tests.sim.table_mutants import Patch


def _only_after_an_end() -> AbstractContextManager[Any]:
    """Whoever added the last members may not have lived to start what needs them."""
    real = AgentRuns.advance

    def advance(self: Any, head: Job, ended: Any) -> None:
        if ended:
            real(self, head, ended)

    return patch.object(AgentRuns, "advance", advance)


def _takes_the_mark() -> AbstractContextManager[Any]:
    def mark(self: Any, head: Job, *_: object) -> None:
        if head.group_due is not None:
            self.store.move(head.id, moves.heard(head))

    return patch.object(Steward, "_mark", mark)


def _starts_at_once() -> AbstractContextManager[Any]:
    real = Run.succeeded

    def succeeded(self: Any, *args: Any) -> bool:
        return real(self, *args) is not False

    return patch.object(Run, "succeeded", succeeded)


def _nothing(*_: Any, **__: Any) -> None:
    return None


GROUPS: Final[dict[str, Patch]] = {
    "a node starts only when another ends": _only_after_an_end,
    "a group's mark is taken at the first look": _takes_the_mark,
    "a node starts before what it needs": _starts_at_once,
    "a cancelled group lets its members be": partial(patch.object, Steward, "_cancel", _nothing),
    "what needs a failed node waits": partial(patch.object, AgentRuns, "_drop", _nothing),
    "a group ends before its members": partial(
        patch.object, Tally, "is_over", property(lambda _: True)
    ),
}
