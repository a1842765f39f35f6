"""What the template has to know of a worker, all of it read from the worker's own declaration."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from infra.template.engines import PLAIN, engine_of
from pilotlight import catalogue
from pilotlight.adapters.aws.machines import PROCESSOR, GpuClass, gpu_class
from pilotlight.adapters.aws.queues import DEAD
from pilotlight.contracts.pools import Pools
from pilotlight.errors import SettingsError
from pilotlight.settings import upstream

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pilotlight.contracts.worker import Worker, WorkerSpec
    from pilotlight.settings import Settings

GRACE_S: Final = 90
"""A replica in ECS finishes what fits into this after SIGTERM, and hands back the rest."""
STOP_TIMEOUT_S: Final = 120
"""Then ECS kills it. Fargate allows no more, and a spot notice comes as late."""
_LONGEST_PART: Final = 48
"""Of SQS's 80: ``pilotlight-STAGE-jobs-`` before it and ``-dead`` behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One worker, in the template's words: what waits for it, and what it needs."""

    spec: WorkerSpec
    logical: str
    """Part of logical ids: letters and digits, unlike any other worker's."""
    part: str
    """Part of names that AWS sees: queues, services, log groups."""
    engine: str
    key: str | None = None
    """Environment variable of a relaying worker's own key for its upstream."""

    @property
    def name(self) -> str:
        return self.spec.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Replicas of one service: of one worker, or of all workers of a pool."""

    spec: WorkerSpec
    """What all of its members need together."""
    logical: str
    part: str
    members: tuple[Facts, ...]
    gpu: GpuClass | None
    region: str
    memory_gib: float | None = None
    """Of a pool: what models may take of a task's memory."""

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def engine(self) -> str:
        """What any member needs is in the image of all."""
        names = {name for one in self.members for name in one.engine.split(".")} - {PLAIN}
        return ".".join(sorted(names)) or PLAIN

    @property
    def keys(self) -> list[str]:
        return sorted({one.key for one in self.members if one.key is not None})

    @property
    def weights(self) -> list[str]:
        """Names under which they are published: a hub's cache of a pool is the pool's own."""
        return list(dict.fromkeys((self.name, *(one.name for one in self.members))))


def all_facts(settings: Settings, region: str) -> list[Facts]:
    """Of every worker that the settings' packages hold, by name.

    Raises SettingsError for a worker that no machine fits, or two that AWS could not tell apart.
    """
    workers = catalogue.discover(settings.workers).workers
    found = [_facts(workers[name], settings) for name in sorted(workers)]
    distinct(names_of(found))
    for one in found:
        gpu_class(one.spec, region)
    return found


def all_fleets(settings: Settings, workers: list[Facts], region: str) -> list[Fleet]:
    """Of every service that runs them, by name. Raises SettingsError as :func:`all_facts` does."""
    by_name = {one.name: one for one in workers}
    pools = Pools({one.name: one.spec for one in workers})
    found = [
        _fleet(spec, [by_name[one.name] for one in pools.members.get(name, (spec,))], region)
        for name, spec in sorted(pools.fleets.items())
    ]
    distinct([*names_of(workers), *names_of(found)])
    return [_with_memory(one, settings) if one.name in pools.members else one for one in found]


def names_of(some: Iterable[Facts | Fleet]) -> list[tuple[str, str, str]]:
    return [(one.name, one.logical, one.part) for one in some]


def distinct(names: Iterable[tuple[str, str, str]]) -> None:
    """Raises SettingsError for names that AWS cannot tell apart, or has no room for."""
    seen: dict[str, str] = {}
    for name, logical, part in names:
        if len(part) > _LONGEST_PART:
            raise SettingsError(
                f"worker {name}: a queue's name on AWS has 80 characters, so a worker's "
                f"{_LONGEST_PART} at most: give it a shorter one"
            )
        for word in {logical, part, part + DEAD}:
            other = seen.setdefault(word, name)
            if other != name:
                raise SettingsError(
                    f"workers {other} and {name} would both be {word} on AWS: rename one"
                )


def _facts(worker: type[Worker[Any, Any]], settings: Settings) -> Facts:
    spec = worker.spec
    asked = upstream(settings, spec.upstream) if spec.upstream else None
    return Facts(
        spec=spec,
        logical=_logical(spec.name),
        part=_part(spec.name),
        engine=engine_of(Path(inspect.getfile(worker))),
        key=asked.key_env if asked is not None else None,
    )


def _fleet(spec: WorkerSpec, members: list[Facts], region: str) -> Fleet:
    return Fleet(
        spec=spec,
        logical=_logical(spec.name),
        part=_part(spec.name),
        members=tuple(members),
        gpu=gpu_class(spec, region),
        region=region,
    )


def _with_memory(fleet: Fleet, settings: Settings) -> Fleet:
    """A container sees all of its host's memory, and not what it may use of it."""
    offered = fleet.gpu.memory_gib if fleet.gpu is not None else PROCESSOR.memory_gib
    own = settings.pools.get(fleet.name)
    if own is None or own.memory_gib is None:
        return replace(fleet, memory_gib=offered / 2)
    if own.memory_gib >= offered:
        raise SettingsError(
            f"pools.{fleet.name}.memory_gib is {own.memory_gib:g}, and a task of it has {offered} "
            "GiB in all: leave it out for half of that, or say less"
        )
    return replace(fleet, memory_gib=own.memory_gib)


def _logical(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "", name.replace(".", "-").title())


def _part(name: str) -> str:
    return name.replace(".", "_")
