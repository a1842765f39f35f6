"""What the template has to know of a worker, all of it read from the worker's own declaration."""

from __future__ import annotations

import ast
import inspect
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pilotlight import catalogue
from pilotlight.adapters.aws.machines import GpuClass, gpu_class
from pilotlight.errors import SettingsError
from pilotlight.settings import upstream

if TYPE_CHECKING:
    from pilotlight.contracts.worker import Worker, WorkerSpec
    from pilotlight.settings import Settings

ROOT: Final = Path(__file__).resolve().parents[2]
PLAIN: Final = "plain"
"""Engine of a worker that imports none: an image without torch."""
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


def engine_of(path: Path) -> str:
    """Which of ``workers/engines`` the file imports; the image is built for that one.

    An engine is what ``pyproject.toml`` has an extra for: other modules there need no image of
    their own. Raises SettingsError for a file that imports two: one image holds one engine.
    """
    names = _extras() & {
        node.module.split(".")[2]
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
        and node.module is not None
        and re.fullmatch(r"workers\.engines\.\w+(\..*)?", node.module)
    }
    if len(names) > 1:
        raise SettingsError(f"{path} imports the engines {', '.join(sorted(names))}: choose one")
    return names.pop() if names else PLAIN


def _extras() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return set(project["optional-dependencies"])
