"""Import a worker file, or say in a sentence what its author has to change.

What goes wrong in such a file is its author's to mend, so every message names the file, the line
where there is one, and the way out.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ValidationError

from pilotlight.contracts.worker import Worker, WorkerSpec
from pilotlight.errors import SettingsError

if TYPE_CHECKING:
    from types import ModuleType

    AnyWorker = type[Worker[Any, Any]]

_ID: Final = re.compile(r"[\w.:-]+(/[\w.:-]+)*", re.ASCII)
"""What stands in a URL's path without quoting."""


def declared(module_name: str) -> AnyWorker:
    """The module's ``WORKER``. Raises SettingsError that names file, line and fix."""
    module = _imported(module_name)
    place = _shown(module.__file__ or module_name)
    worker: Any = getattr(module, "WORKER", None)
    problem = _no_worker(worker, module) or _unfit(worker) or _misnamed(worker.spec)
    if problem:
        raise SettingsError(f"{place}: {problem}")
    found: AnyWorker = worker
    return found


def _imported(module_name: str) -> ModuleType:
    try:
        return importlib.import_module(module_name)
    except SettingsError:
        raise
    except (Exception, SystemExit) as error:  # a worker file may fail in any way
        raise SettingsError(_told(module_name, error)) from error


def _told(module_name: str, error: BaseException) -> str:
    place, line = _where(module_name, error)
    at = f"{place}, line {line}" if line else place
    match error:
        case ModuleNotFoundError(name=str(missing)):
            if missing.partition(".")[0] == module_name.partition(".")[0]:
                return f"{at}: there is no module {missing}"
            return (
                f"{at}: {missing} is not installed (pip install {missing.partition('.')[0]}?). "
                "What only the model needs, import inside load(): the ingress reads this file too"
            )
        case SyntaxError():
            source = f": {error.text.strip()}" if error.text else ""
            return f"{at}: {type(error).__name__}: {error.msg}{source}"
        case ValidationError():
            return f"{at}: {error.title}: {'; '.join(map(_complaint, error.errors()))}"
        case _:
            return f"{at}: {type(error).__name__}: {error}"


def _where(module_name: str, error: BaseException) -> tuple[str, int | None]:
    """The last line of the module's own that led there; of a file that cannot be read, its line."""
    if isinstance(error, SyntaxError) and error.filename:
        return _shown(error.filename), error.lineno
    spec = importlib.util.find_spec(module_name)
    own = spec.origin if spec is not None and spec.origin else module_name
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == own
    ]
    return _shown(own), lines[-1] if lines else None


def _shown(place: str) -> str:
    """As the author would type it."""
    path = Path(place)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else place


def _complaint(found: Any) -> str:
    name = ".".join(map(str, found["loc"]))
    if found["type"] == "extra_forbidden":
        return f"{name}: no such field; there are {', '.join(WorkerSpec.model_fields)}"
    if found["type"] == "missing":
        return f"{name} is missing"
    return f"{name}: {found['msg']}, not {found['input']!r}"


def _no_worker(worker: Any, module: ModuleType) -> str:
    """Why what stands in ``WORKER`` is no worker class; empty when it is one."""
    if worker is None:
        return (
            f"it defines no WORKER; end it with WORKER = {_own_worker(module)}, or call the file "
            "_NAME.py if it is none"
        )
    if isinstance(worker, Worker):
        name = type(worker).__name__
        return f"WORKER is an instance of {name}; set WORKER = {name}, without brackets"
    if not (isinstance(worker, type) and issubclass(worker, Worker)):
        return f"WORKER is {worker!r}, no subclass of pilotlight.Worker"
    return ""


def _unfit(worker: AnyWorker) -> str:
    """What the class lacks; empty for nothing."""
    name = worker.__name__
    if not isinstance(getattr(worker, "spec", None), WorkerSpec):
        return f"{name} has no `spec = WorkerSpec(name=..., endpoints=(...), gpu_memory_gib=...)`"
    if lacking := getattr(worker, "__abstractmethods__", ()):
        return f"{name} defines no {', '.join(sorted(lacking))}"
    for method, takes in (("load", ("self",)), ("run", ("self", "job_input", "context"))):
        try:
            inspect.signature(getattr(worker, method)).bind(*takes)
        except TypeError as error:
            return f"{name}.{method} takes ({', '.join(takes)}): {error}"
    return ""


def _own_worker(module: ModuleType) -> str:
    """The worker class that the file defines, if there is one."""
    for found in vars(module).values():
        if (
            isinstance(found, type)
            and issubclass(found, Worker)
            and found.__module__ == module.__name__
        ):
            return found.__name__
    return "YourWorker"


def _misnamed(spec: WorkerSpec) -> str:
    """What is wrong with the first endpoint that cannot be called; empty when all can."""
    for endpoint in spec.endpoints:
        if not _ID.fullmatch(endpoint.id):
            return (
                f"endpoint {endpoint.id!r}: an id is letters, digits and . _ - in parts joined "
                "by /, such as acme/shout"
            )
        for side in ("input", "output"):
            model = getattr(endpoint, side)
            if not (isinstance(model, type) and issubclass(model, BaseModel)):
                return f"endpoint {endpoint.id}: {side} is {model!r}, no pydantic model"
    return ""
