"""What the template has to know of a worker, all of it read from the worker's own declaration."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from infra.template.engines import engine_of
from pilotlight import catalogue
from pilotlight.adapters.aws.machines import GpuClass, gpu_class
from pilotlight.errors import SettingsError
from pilotlight.settings import upstream

if TYPE_CHECKING:
    from pilotlight.contracts.worker import Worker, WorkerSpec
    from pilotlight.settings import Settings

GRACE_S: Final = 90
"""A replica in ECS finishes what fits into this after SIGTERM, and hands back the rest."""
STOP_TIMEOUT_S: Final = 120
"""Then ECS kills it. Fargate allows no more, and a spot notice comes as late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One worker, in the template's words."""

    spec: WorkerSpec
    logical: str
    """Part of logical ids: letters and digits, unlike any other worker's."""
    part: str
    """Part of names that AWS sees: queues, services, log groups."""
    engine: str
    gpu: GpuClass | None
    region: str
    key: str | None = None
    """Environment variable of a relaying worker's own key for its upstream."""

    @property
    def name(self) -> str:
        return self.spec.name


def all_facts(settings: Settings, region: str) -> list[Facts]:
    """Of every worker that the settings' packages hold, by name.

    Raises SettingsError for a worker that no machine fits, or two that AWS could not tell apart.
    """
    workers = catalogue.discover(settings.workers).workers
    found = [_facts(workers[name], settings, region) for name in sorted(workers)]
    seen: dict[str, str] = {}
    for one in found:
        for word in {one.logical, one.part}:
            other = seen.setdefault(word, one.name)
            if other != one.name:
                raise SettingsError(
                    f"workers {other} and {one.name} would both be {word} on AWS: rename one"
                )
    return found


def _facts(worker: type[Worker[Any, Any]], settings: Settings, region: str) -> Facts:
    spec = worker.spec
    if spec.pool:
        raise SettingsError(
            f"{spec.name} is in the pool {spec.pool}, and this template makes services of single "
            f"workers only: remove pool, or run its hosts yourself with python -m workers {spec.pool}"
        )
    asked = upstream(settings, spec.upstream) if spec.upstream else None
    return Facts(
        spec=spec,
        logical=re.sub(r"[^A-Za-z0-9]", "", spec.name.replace(".", "-").title()),
        part=spec.name.replace(".", "_"),
        engine=engine_of(Path(inspect.getfile(worker))),
        gpu=gpu_class(spec, region),
        region=region,
        key=asked.key_env if asked is not None else None,
    )
