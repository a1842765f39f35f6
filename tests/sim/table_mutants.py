"""The lifecycle's table, with one guard, status, fence or effect less: made from the table itself."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

from pilotlight.contracts import lifecycle
from pilotlight.contracts.job import HELD, JobStatus
from pilotlight.contracts.lifecycle import CLEAR, RISE, Add, Transition

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Patch = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True, slots=True)
class Mutant:
    name: str
    patch: Patch
    counter: str | None = None
    """Of a cost mutant: what it must move."""


_NAMES: Final = (
    "T2", "T3", "T4", "T5", "T6", "T7", "T8", "T9", "T10", "T11", "T12", "T13", "T14", "T15", "T17",
    "T18", "T19", "T20", "T21", "T16_LEASE", "T16_SETTLE", "T16_REPLAY",
)  # fmt: skip


IDLE_GUARDS: Final = {("T18", "fence"), ("T19", "fence")}
"""A row that waits keeps its fence, so that nothing can tell these guards from none."""


def _swap(name: str, changed: Transition) -> Patch:
    return partial(patch.object, lifecycle, name, changed)


def _effects(transition: Transition, **changes: Any) -> Transition:
    kept = {**transition.effects, **changes}
    return replace(transition, effects={k: v for k, v in kept.items() if v is not None})


def of_table() -> Iterator[Mutant]:
    for name in _NAMES:
        transition: Transition = getattr(lifecycle, name)
        for guard in transition.guards:
            if (name, guard.column) in IDLE_GUARDS:
                continue
            rest = tuple(one for one in transition.guards if one is not guard)
            words = f"{name} without {guard.column} {guard.op} {guard.right}"
            yield Mutant(words, _swap(name, replace(transition, guards=rest)))
        yield _from_anywhere(name, transition)
        yield from _of_effects(name, transition)


_SAYS_THE_STATUS: Final = {
    "T10": "lease_until", "T11": "lease_until", "T16_LEASE": "webhook_due"
}  # fmt: skip
"""Columns that are set only in the statuses a transition leaves: a guard on one says it again, so
that the two are removed together."""


def _from_anywhere(name: str, transition: Transition) -> Mutant:
    column = _SAYS_THE_STATUS.get(name)
    rest = tuple(one for one in transition.guards if one.column != column)
    words = f" and any {column}" if column else ""
    changed = replace(transition, leaves=frozenset(JobStatus), guards=rest)
    return Mutant(f"{name} from any status{words}", _swap(name, changed))


_WORDS: Final = {
    "lease_until": ("names no end of the lease", "keeps the lease"),
    "owner": ("names no owner", "keeps the owner"),
    "run_by": ("sets no time to run", "keeps the time to run"),
    "not_before": ("has no moment to wait for", ""),
    "losses": ("counts no loss", ""),
    "output": ("keeps no output", ""),
    "error": ("gives no reason", ""),
    "group_due": ("tells no group", ""),
    "forget_at": ("is never forgotten", ""),
    "note": ("keeps no note", ""),
    "input": ("brings no input", ""),
    "webhook_tries": ("counts no try", ""),
    "webhook_state": ("says nothing of how it went", "keeps how it went"),
}
"""Effects that a transition may do without: when they set a column, when they clear it."""


def _of_effects(name: str, transition: Transition) -> Iterator[Mutant]:
    """One after the other gone, and nothing else changed."""
    for words, changes in _losses(transition):
        yield Mutant(f"{name} {words}", _swap(name, _effects(transition, **changes)))


def _losses(transition: Transition) -> Iterator[tuple[str, dict[str, Any]]]:
    effects: Mapping[str, Any] = transition.effects
    for fence in ("fence", "webhook_fence"):
        if effects.get(fence) == RISE:
            yield f"lets {fence} be", {fence: None}
    counted = {RISE: "counts no attempt", Add(-1): "spends the attempt"}
    if (attempts := effects.get("attempts")) is not None:
        yield counted[attempts], {"attempts": None}
    for column, words in _WORDS.items():
        if column in effects and not _is_idle(transition, column):
            yield words[effects[column] == CLEAR], {column: None}
    if transition.to in HELD or transition.to is None:
        return
    if "webhook_due" in effects:
        yield "announces nothing", {"webhook_due": None}
    else:
        yield "is never looked at again", {"due_at": CLEAR}


def _is_idle(transition: Transition, column: str) -> bool:
    """Whether it clears what is clear already."""
    clears = transition.effects[column] == CLEAR
    return clears and (
        column == "error" or (column != "webhook_state" and not transition.leaves & HELD)
    )
