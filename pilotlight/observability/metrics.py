"""The figures that alarms and dashboards stand on, and the two texts in which they are told.

``infra/METRICS.md`` says what each means. CloudWatch reads lines of its Embedded Metric Format out
of any log group (Amazon CloudWatch user guide, "Specification: Embedded metric format"); Prometheus
reads its text format from ``/metrics``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

NAMESPACE: Final = "Pilotlight"
_SECONDS: Final = "Seconds"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerFigures:
    queued: int = 0
    running: int = 0
    oldest_queued_s: float = 0.0
    starting: int = 0
    ready: int = 0
    paused: bool | None = None
    """By an operator; None where looking it up is a request to a service."""
    load_failures: int = 0
    """Since the last look, as are the next two."""
    succeeded: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Of one look."""

    at: float
    """Seconds since the epoch."""
    workers: Mapping[str, WorkerFigures] = field(default_factory=dict)
    overdue_s: float = 0.0
    overdue_leases: int = 0
    webhook_overdue_s: float = 0.0
    webhooks_failing: int = 0
    dead_letters: int = 0

    @property
    def busy(self) -> bool:
        """Whether any job waits or runs."""
        return any(one.queued or one.running for one in self.workers.values())


def emf(figures: Figures, *, stage: str) -> Iterator[str]:
    """One line for the stage, and one for each worker."""
    whole = {
        "Looks": 1,
        "OverdueSeconds": figures.overdue_s,
        "OverdueLeases": figures.overdue_leases,
        "WebhookOverdueSeconds": figures.webhook_overdue_s,
        "WebhooksFailing": figures.webhooks_failing,
        "DeadLetters": figures.dead_letters,
    }
    yield _line(figures.at, {"Stage": stage}, whole)
    for worker, one in figures.workers.items():
        own = {
            "Queued": one.queued,
            "Running": one.running,
            "OldestQueuedSeconds": one.oldest_queued_s,
            "Starting": one.starting,
            "Ready": one.ready,
            "LoadFailures": one.load_failures,
            "Succeeded": one.succeeded,
            "Failed": one.failed,
        }
        yield _line(figures.at, {"Stage": stage, "Worker": worker}, own)


def letters_line(count: int, *, stage: str, at: float) -> str:
    """For whoever empties the dead-letter queue between two looks."""
    return _line(at, {"Stage": stage}, {"DeadLetters": count})


def _line(at: float, dimensions: Mapping[str, str], values: Mapping[str, float]) -> str:
    definitions = [
        {"Name": name, "Unit": _SECONDS if name.endswith(_SECONDS) else "Count"} for name in values
    ]
    told = {"Namespace": NAMESPACE, "Dimensions": [list(dimensions)], "Metrics": definitions}
    head: dict[str, Any] = {"_aws": {"Timestamp": int(at * 1000), "CloudWatchMetrics": [told]}}
    return json.dumps({**head, **dimensions, **values}, separators=(",", ":"))


_GAUGES: Final = (
    ("queued", "Jobs that a replica could lease now.", "queued"),
    ("running", "Jobs that a replica holds.", "running"),
    ("oldest_queued_seconds", "Since when the first of them waits.", "oldest_queued_s"),
    ("paused", "1 while an operator has paused it.", "paused"),
)
_WHOLE: Final = (
    ("overdue_seconds", "How long the most overdue row waits for upkeep.", "overdue_s"),
    ("overdue_leases", "Leases that are over and not taken back.", "overdue_leases"),
    ("webhook_overdue_seconds", "How long the most overdue webhook waits.", "webhook_overdue_s"),
    ("webhooks_failing", "Webhooks that were tried and are due again.", "webhooks_failing"),
)


def prometheus(figures: Figures) -> str:
    """Text format 0.0.4. Counters count from the start of the process that tells them."""
    told: list[str] = []
    for name, words, attribute in _GAUGES:
        known = ((_label(w), getattr(one, attribute)) for w, one in figures.workers.items())
        values = [(label, value) for label, value in known if value is not None]
        if figures.workers and not values:
            continue
        told += _family(name, "gauge", words, values)
    stages = (
        (_label(worker, stage=stage), getattr(one, stage))
        for worker, one in figures.workers.items()
        for stage in ("starting", "ready")
    )
    told += _family("replicas", "gauge", "Replicas by stage.", stages)
    failures = ((_label(w), one.load_failures) for w, one in figures.workers.items())
    told += _family("load_failures", "counter", "Replicas that failed to load.", failures)
    ended = (
        (_label(worker, status=status), getattr(one, status))
        for worker, one in figures.workers.items()
        for status in ("succeeded", "failed")
    )
    told += _family("ended", "counter", "Jobs by how they ended.", ended)
    for name, words, attribute in _WHOLE:
        told += _family(name, "gauge", words, [("", getattr(figures, attribute))])
    told += _family(
        "dead_letters", "counter", "Messages that were given up.", [("", figures.dead_letters)]
    )
    return "\n".join(told) + "\n"


def _family(name: str, kind: str, words: str, values: Iterable[tuple[str, float]]) -> Iterator[str]:
    full = f"pilotlight_{name}" + ("_total" if kind == "counter" else "")
    yield f"# HELP {full} {words}"
    yield f"# TYPE {full} {kind}"
    for labels, value in values:
        yield f"{full}{labels} {value:g}"


def _label(worker: str, **more: str) -> str:
    pairs = {"worker": worker, **more}
    return "{" + ",".join(f'{name}="{_escaped(text)}"' for name, text in pairs.items()) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
