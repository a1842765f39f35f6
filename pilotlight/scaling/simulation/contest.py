"""Policies against each other on one trace, each over the whole range of its knob."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, get_args

from pilotlight.errors import SettingsError
from pilotlight.scaling.policies.expected_saving import ExpectedSaving
from pilotlight.scaling.policies.keda import Keda
from pilotlight.scaling.policies.keep_alive import KeepAlive
from pilotlight.scaling.policies.target_backlog import TargetBacklog
from pilotlight.scaling.simulation import trace as traces
from pilotlight.scaling.simulation.engine import Engine
from pilotlight.scaling.simulation.figures import Figures
from pilotlight.scaling.simulation.fleet import SimFleet
from pilotlight.scaling.simulation.pool import SimPool
from pilotlight.scaling.terms import Terms
from pilotlight.settings.scaling import PolicyName

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pilotlight.scaling.scene import Policy
    from pilotlight.scaling.simulation.engine import Member
    from pilotlight.scaling.simulation.figures import Outcome
    from pilotlight.scaling.simulation.pool import Hosts
    from pilotlight.scaling.simulation.trace import Arrival

NAMES: Final[tuple[PolicyName, ...]] = get_args(PolicyName)
KNOBS: Final[dict[PolicyName, tuple[float, ...]]] = {
    "expected-saving": (0.2, 0.5, 1, 2, 4, 8, 16, 32),
    "keep-alive": (30, 60, 120, 300, 600, 1200, 1800),
    "keda": (0.5, 1, 2, 5, 10, 20),
    "target-backlog": (0.5, 1, 2, 5, 10, 20),
}
"""``w``; idle seconds; jobs per replica; waiting jobs per replica."""
DEFAULTS: Final[dict[PolicyName, float]] = {
    "expected-saving": 2, "keep-alive": 60, "keda": 5, "target-backlog": 5,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """A policy at one setting of its knob; ``label`` is how a command line says it."""

    name: PolicyName
    knob: float

    @property
    def label(self) -> str:
        return f"{self.name}:{self.knob:g}"

    @property
    def policy(self) -> Policy:
        """Starts as eagerly as its kind does: no patience, as serverless platforms have none."""
        match self.name:
            case "expected-saving":
                return ExpectedSaving(self.knob)
            case "keep-alive":
                return KeepAlive(self.knob, self.knob)
            case "keda":
                return Keda(self.knob)
            case "target-backlog":
                return TargetBacklog(self.knob)


def entry(text: str) -> Entry:
    """``keep-alive`` or ``keep-alive:300``. Raises SettingsError."""
    name, colon, knob = text.partition(":")
    if name not in NAMES:
        raise SettingsError(f"{name!r} is no policy; there are {', '.join(NAMES)} and all")
    try:
        value = float(knob) if colon else DEFAULTS[name]
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e9 or (value == 0 and name in ("keda", "target-backlog")):
        raise SettingsError(f"{knob!r} is no knob for {name}; write {name}:{DEFAULTS[name]:g}")
    return Entry(name, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where the trace is replayed."""

    cold_start_s: float
    max_replicas: int = 100
    pool: Hosts | None = None
    """One fleet of pooled hosts for all workers; None: a fleet for each."""
    train_share: float = 0.0
    """Of the trace's time that is replayed to learn from and not reported."""


def replay(trace: Sequence[Arrival], entered: Entry, site: Site) -> Outcome:
    """Deterministic: the same trace, entry and site give the same outcome."""
    policy, shared = entered.policy, dict[str, SimPool]()

    def fleet_of(engine: Engine, worker: str) -> Member:
        name = worker if site.pool is None else "pool"
        terms = Terms(worker=name, policy=policy, max_replicas=site.max_replicas)
        if site.pool is None:
            return SimFleet(engine, terms, site.cold_start_s)
        if name not in shared:
            shared[name] = SimPool(engine, terms, site.cold_start_s, site.pool)
        return shared[name]

    since = traces.split(trace, site.train_share) if site.train_share else float("-inf")
    return Engine(fleet_of, measure_from=since).run(trace)


def figures(trace: Sequence[Arrival], entered: Entry, site: Site) -> Figures:
    return Figures.of(replay(trace, entered, site))


def grid(*names: PolicyName) -> list[Entry]:
    return [Entry(name, knob) for name in names for knob in KNOBS[name]]
