"""One worker's terms: its policy, and the limits around whatever that policy says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pilotlight.scaling.policies.expected_saving import ExpectedSaving
from pilotlight.scaling.policies.keda import Keda
from pilotlight.scaling.policies.keep_alive import KeepAlive
from pilotlight.scaling.policies.target_backlog import TargetBacklog
from pilotlight.scaling.windows import DAYS, Window

if TYPE_CHECKING:
    from pilotlight.contracts.worker import WorkerSpec
    from pilotlight.ports.overrules import Overrule
    from pilotlight.scaling.scene import Policy
    from pilotlight.settings.scaling import ScalingSettings, WarmHours, WorkerScaling


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Precedence, strongest first: budget, maximum, minimum, buffer, policy."""

    worker: str
    policy: Policy
    slots: int = 1
    min_replicas: int = 0
    max_replicas: int = 4
    buffer: int = 0
    buffer_share: float = 0.0
    """Of the replicas that are needed."""
    hours_per_day: float | None = None
    """GPU-hours; None sets no budget."""
    last_s: float = 0.0
    """The last replica idles at least so long, whatever the policy says."""
    windows: tuple[Window, ...] = ()
    start_step: int = 4
    start_window_s: float = 15.0
    start_backoff_s: float = 2.0
    max_backoff_s: float = 300.0
    paused: bool = False
    """Stronger than all of these: nothing starts, no job begins, what is idle goes."""


def overruled(terms: Terms, said: Overrule | None) -> Terms:
    """The terms under what an operator says now; as elsewhere, the maximum is the stronger limit."""
    if said is None:
        return terms
    least = terms.min_replicas if said.min_replicas is None else said.min_replicas
    most = terms.max_replicas if said.max_replicas is None else said.max_replicas
    return replace(terms, min_replicas=least, max_replicas=most, paused=said.paused)


def terms_of(spec: WorkerSpec, settings: ScalingSettings) -> Terms:
    """What the worker declares, under what the owner set for it and for all."""
    own = settings.worker(spec.name)
    last_s = spec.keep_alive_s if settings.keep_alive_s is None else settings.keep_alive_s
    if own.keep_alive_s is not None:
        last_s = own.keep_alive_s
    return Terms(
        worker=spec.name,
        policy=_policy(own, settings, last_s),
        slots=spec.jobs_per_replica,
        min_replicas=spec.min_replicas if own.min_replicas is None else own.min_replicas,
        max_replicas=spec.max_replicas if own.max_replicas is None else own.max_replicas,
        buffer=own.buffer,
        buffer_share=own.buffer_share,
        hours_per_day=own.gpu_hours_per_day,
        last_s=last_s,
        windows=tuple(map(_window, own.warm)),
        start_step=settings.start_step,
        start_window_s=settings.start_window_s,
        start_backoff_s=settings.start_backoff_s,
        max_backoff_s=settings.max_backoff_s,
    )


def _policy(own: WorkerScaling, settings: ScalingSettings, last_s: float) -> Policy:
    patient = KeepAlive(last_s, settings.spare_s, settings.patience_s)
    match own.policy or settings.policy:
        case "expected-saving":
            return ExpectedSaving(settings.w if own.w is None else own.w, patient)
        case "keep-alive":
            return patient
        case "keda":
            return Keda(own.queue_length)
        case "target-backlog":
            return TargetBacklog(own.queue_length)


def _window(hours: WarmHours) -> Window:
    days = frozenset(DAYS.index(day) for day in hours.days)
    begins_s, ends_s = (
        at.hour * 3600 + at.minute * 60 + at.second for at in (hours.begins, hours.ends)
    )
    return Window(days, begins_s, ends_s, hours.replicas)
