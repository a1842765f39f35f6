"""Find every worker by looking into packages, and every endpoint by asking the workers.

The scan is strict: a module without ``WORKER``, two workers with one name or two that serve one
endpoint fail at start.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pilotlight.errors import SettingsError, UnknownEndpoint

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pilotlight.contracts.worker import Endpoint, Worker, WorkerSpec

    AnyWorker = type[Worker[Any, Any]]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Workers by name and endpoints by id."""

    workers: dict[str, AnyWorker] = field(default_factory=dict)
    endpoints: dict[str, tuple[Endpoint, WorkerSpec]] = field(default_factory=dict)

    def endpoint(self, endpoint_id: str) -> tuple[Endpoint, WorkerSpec]:
        """Raises UnknownEndpoint, naming the nearest id."""
        try:
            return self.endpoints[endpoint_id]
        except KeyError:
            import difflib  # noqa: PLC0415 - only on the way to an error

            near = difflib.get_close_matches(endpoint_id, self.endpoints, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UnknownEndpoint(
                f"no worker serves the endpoint {endpoint_id}{hint}", endpoint=endpoint_id
            ) from None

    def spec(self, worker: str) -> WorkerSpec:
        try:
            return self.workers[worker].spec
        except KeyError:
            known = ", ".join(sorted(self.workers)) or "none"
            raise SettingsError(f"no worker is called {worker!r}; there are: {known}") from None


def discover(packages: Iterable[str]) -> Catalogue:
    """Import every module of the packages, but neither sub-packages nor ``_private`` ones.

    Raises SettingsError for a module that breaks the rules.
    """
    found = Catalogue()
    for package in packages:
        root = importlib.import_module(package)
        for info in pkgutil.iter_modules(root.__path__):
            if not info.ispkg and not info.name.startswith("_"):
                _add(found, f"{package}.{info.name}")
    return found


def find(packages: Iterable[str], name: str) -> AnyWorker:
    """One worker by name, without importing more than needed: ``flux-dev`` in ``flux_dev.py``."""
    packages = tuple(packages)
    for package in packages:
        module = f"{package}.{name.replace('-', '_').replace('.', '_')}"
        try:
            found: AnyWorker = importlib.import_module(module).WORKER
        except (ModuleNotFoundError, AttributeError):
            continue
        if found.spec.name == name:
            return found
    catalogue = discover(packages)
    catalogue.spec(name)
    return catalogue.workers[name]


def _add(found: Catalogue, module_name: str) -> None:
    module = importlib.import_module(module_name)
    worker: AnyWorker | None = getattr(module, "WORKER", None)
    if worker is None:
        raise SettingsError(f"{module_name} defines no WORKER; set WORKER = YourWorker")
    spec = worker.spec
    if spec.name in found.workers:
        raise SettingsError(f"two workers are called {spec.name!r}; the second is {module_name}")
    found.workers[spec.name] = worker
    for endpoint in spec.endpoints:
        if endpoint.id in found.endpoints:
            other = found.endpoints[endpoint.id][1].name
            raise SettingsError(f"{spec.name} and {other} both serve {endpoint.id}")
        found.endpoints[endpoint.id] = (endpoint, spec)
