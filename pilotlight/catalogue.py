"""Find every worker by looking into packages, and every endpoint by asking the workers.

The scan is strict: a module without ``WORKER``, two workers with one name or two that serve one
endpoint fail at start. Beside what workers declare stand routes, and the contracts of endpoints
that nobody serves yet.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pilotlight.contracts import endpoints as public
from pilotlight.contracts.declared import declared
from pilotlight.contracts.example import example_in
from pilotlight.contracts.routes import (
    Route,
    by_task,
    check,
    public_schema,
    takes_anything,
    target_of,
)
from pilotlight.contracts.worker import Endpoint
from pilotlight.errors import NoWorkerFiles, SettingsError, UnknownEndpoint, UnroutedEndpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import ModuleType

    from pilotlight.contracts.worker import Worker, WorkerSpec
    from pilotlight.settings import RouteSettings

    AnyWorker = type[Worker[Any, Any]]
    Lacking = Callable[[str], str | None]


class Served(NamedTuple):
    """An endpoint as callers see it and as its worker does. Without a route both are one."""

    endpoint: Endpoint
    spec: WorkerSpec
    own: Endpoint
    route: Route | None = None

    @property
    def has_contract(self) -> bool:
        """Whether callers have a contract of their own; else it is the worker's, renamed."""
        return self.route is None or self.endpoint.input is not self.own.input

    def input_schema(self) -> dict[str, Any]:
        """JSON Schema of what callers send."""
        if self.route is None or self.has_contract:
            return self.endpoint.input.model_json_schema()
        return public_schema(self.own, self.route)

    def example(self) -> dict[str, Any]:
        """An input that is taken."""
        return example_in(self.input_schema())


class Routed(NamedTuple):
    spec: WorkerSpec
    route: Route
    by: str
    """Who said so: ``settings`` or ``worker``."""


State = Literal["local", "relayed", "unrouted"]


class Listed(NamedTuple):
    """One line of a list of endpoints; nothing in it needs the contract built."""

    id: str
    task: str
    worker: str | None
    """None: nobody serves it."""
    state: State
    route: str
    """How it came to its worker: ``own``, ``settings``, ``worker``; empty for an unrouted one."""
    streams: bool


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Workers by name and endpoints by id."""

    workers: dict[str, AnyWorker] = field(default_factory=dict)
    endpoints: dict[str, tuple[Endpoint, WorkerSpec]] = field(default_factory=dict)
    """What workers declare as their own."""
    routes: dict[str, Routed] = field(default_factory=dict)
    """What is put behind a worker; goes before what another one declares."""
    wanting: dict[str, str] = field(default_factory=dict)
    """Ids that a relay would serve, each with what has to be set before it can."""
    _made: dict[str, Served] = field(default_factory=dict, init=False, repr=False)

    def knows(self, endpoint_id: str) -> bool:
        """Whether there is a contract for it, served or not."""
        return (
            endpoint_id in self.endpoints
            or endpoint_id in self.routes
            or endpoint_id in self.wanting
            or endpoint_id in public.KNOWN
        )

    def ids(self) -> list[str]:
        """Every id that is known: served ones first, each kind in order."""
        served = sorted({*self.endpoints, *self.routes})
        return served + sorted({*public.KNOWN, *self.wanting}.difference(served))

    def endpoint(self, endpoint_id: str) -> Served:
        """Raises UnroutedEndpoint that says how to route it, UnknownEndpoint with the nearest id."""
        found = self._made.get(endpoint_id)
        if found is None:
            found = self._made[endpoint_id] = self._serve(endpoint_id)
        return found

    def contract(self, endpoint_id: str) -> Endpoint:
        """What callers may send and what they get, served or not. Raises UnknownEndpoint."""
        if endpoint_id in public.KNOWN and endpoint_id not in self.routes | self.endpoints:
            return public.contract(endpoint_id)
        return self.endpoint(endpoint_id).endpoint

    def listed(self) -> Iterator[Listed]:
        """Every id that is known, as :meth:`ids` orders them."""
        for endpoint_id in self.ids():
            known, routed = public.KNOWN.get(endpoint_id), self.routes.get(endpoint_id)
            if routed is None and endpoint_id not in self.endpoints:
                task, streams = (known.task, known.streams) if known else ("", False)
                yield Listed(endpoint_id, task, None, "unrouted", "", streams)
                continue
            if known and routed:  # without building what it takes
                spec, task, streams = routed.spec, known.task, known.streams
            else:
                one, spec, *_ = self.endpoint(endpoint_id)
                task, streams = one.task, one.streams
            state: State = "relayed" if spec.upstream else "local"
            by = routed.by if routed else "own"
            yield Listed(endpoint_id, task, spec.name, state, by, streams)

    def _serve(self, endpoint_id: str) -> Served:
        if endpoint_id in self.routes:
            return _routed(*self.routes[endpoint_id][:2])
        if endpoint_id in self.endpoints:
            own, spec = self.endpoints[endpoint_id]
            return Served(own, spec, own)
        if endpoint_id in public.KNOWN or endpoint_id in self.wanting:
            advice = _advice(endpoint_id, self.wanting.get(endpoint_id))
            raise UnroutedEndpoint(advice, endpoint=endpoint_id)
        import difflib  # noqa: PLC0415 - only on the way to an error

        near = difflib.get_close_matches(endpoint_id, self.ids(), n=1)
        hint = f"; did you mean {near[0]}?" if near else "."
        if not near or near[0] not in {**self.routes, **self.endpoints}:
            hint += " A [[route]] puts a worker of yours behind any id: pilotlight up --routes"
        raise UnknownEndpoint(
            f"no worker serves the endpoint {endpoint_id}{hint}", endpoint=endpoint_id
        )

    def spec(self, worker: str) -> WorkerSpec:
        try:
            return self.workers[worker].spec
        except KeyError:
            known = ", ".join(sorted(self.workers)) or "none"
            raise SettingsError(f"no worker is called {worker!r}; there are: {known}") from None


def _advice(endpoint_id: str, wanting: str | None) -> str:
    relay = f"to have it relayed, {wanting} and start again; or " if wanting else ""
    return (
        f"{endpoint_id} is known, but no worker here serves it; {relay}put one behind it: in "
        f'FILE.toml [[route]] endpoint = "{endpoint_id}" worker = "NAME", then pilotlight up '
        "--routes FILE.toml"
    )


def _routed(spec: WorkerSpec, route: Route) -> Served:
    known = public.contract(route.endpoint) if route.endpoint in public.KNOWN else None
    own = target_of(spec, route, known.task if known else "")
    assert own is not None  # looked at when the route was taken
    takes, gives = (known.input, own.output) if known else (own.input, own.output)
    if takes_anything(own.input) and (shapes := known or by_task(own.task)) is not None:
        takes, gives = shapes.input, shapes.output  # a relay's own say nothing
    endpoint = Endpoint(
        id=route.endpoint,
        task=(known or own).task,
        input=takes,
        output=gives,
        description=(known or own).description,
        streams=(known or own).streams,
    )
    return Served(endpoint, spec, own, route)


def discover(
    packages: Iterable[str],
    routes: Iterable[RouteSettings] = (),
    lacking: Lacking = lambda _upstream: None,
) -> Catalogue:
    """Import every module of the packages, but neither sub-packages nor ``_private`` ones.

    ``lacking`` says what an upstream still wants before it can be asked. Raises SettingsError for
    a package that is not there, a module that breaks the rules, and a route that leads nowhere.
    """
    found = Catalogue()
    for package in packages:
        root = _package(package)
        for info in pkgutil.iter_modules(root.__path__):
            if not info.ispkg and not info.name.startswith("_"):
                _add(found, f"{package}.{info.name}")
    _put_routes(found, tuple(routes), lacking)
    return found


def _package(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as missing:
        if missing.name is None or not f"{name}.".startswith(f"{missing.name}."):
            raise
        raise NoWorkerFiles(
            f"there is no package `{name}` of worker files here (PILOTLIGHT_WORKERS, or --workers "
            f"of `pilotlight up`); run this in the folder that holds {missing.name}"
        ) from None


def find(packages: Iterable[str], name: str) -> AnyWorker:
    """One worker by name, without importing more than needed: ``flux-dev`` in ``flux_dev.py``."""
    packages = tuple(packages)
    for package in packages:
        module = f"{package}.{name.replace('-', '_').replace('.', '_')}"
        try:
            there = importlib.util.find_spec(module)
        except ModuleNotFoundError:
            continue
        if there is None or there.submodule_search_locations is not None:
            continue
        found = declared(module)
        if found.spec.name == name:
            return found
    catalogue = discover(packages)
    catalogue.spec(name)
    return catalogue.workers[name]


def with_routes(spec: WorkerSpec, routes: Iterable[RouteSettings]) -> WorkerSpec:
    """The worker's facts with what settings put behind it: what its replicas have to know."""
    mine = tuple(_route(one) for one in routes if one.worker == spec.name)
    return spec.model_copy(update={"routes": (*mine, *spec.routes)}) if mine else spec


def _route(one: RouteSettings) -> Route:
    return Route(endpoint=one.endpoint, target=one.target, rename=one.rename, fixed=one.fixed)


def _put_routes(found: Catalogue, chosen: tuple[RouteSettings, ...], lacking: Lacking) -> None:
    for one in chosen:
        _put(found, Routed(found.spec(one.worker), _route(one), "settings"), lacking)
    by_settings = {one.endpoint for one in chosen}
    # Relays last: who serves an id on this machine goes before who would pay for it elsewhere.
    for worker in sorted(found.workers.values(), key=lambda one: bool(one.spec.upstream)):
        taken = {*found.endpoints, *found.routes} if worker.spec.upstream else by_settings
        for route in worker.spec.routes:
            if route.endpoint not in taken | by_settings:
                _put(found, Routed(worker.spec, route, "worker"), lacking)


def _put(found: Catalogue, routed: Routed, lacking: Lacking) -> None:
    """Raises SettingsError that names the route and what is wrong with it."""
    spec, route, _ = routed
    if route.endpoint in found.routes:
        other = found.routes[route.endpoint].spec.name
        raise SettingsError(
            f"two routes for {route.endpoint}: to {other} and to {spec.name}; keep one in settings"
        )
    if target_of(spec, route) is None:
        own = ", ".join(one.id for one in spec.endpoints)
        raise SettingsError(
            f"route for {route.endpoint}: {spec.name} has no endpoint {route.target}; it has {own}"
        )
    wanting = lacking(spec.upstream) if spec.upstream else None
    if wanting is not None:
        found.wanting[route.endpoint] = wanting
        return
    if spec.upstream and not route.rename and not route.fixed:
        found.routes[route.endpoint] = routed  # nothing to look at: no contract need be built
        return
    served = _routed(spec, route)
    check(route, served.own.input, served.endpoint.input if served.has_contract else None)
    found.routes[route.endpoint] = routed


def _add(found: Catalogue, module_name: str) -> None:
    worker = declared(module_name)
    spec = worker.spec
    if spec.name in found.workers:
        raise SettingsError(
            f"two workers are called {spec.name!r}: in {found.workers[spec.name].__module__} and "
            f"in {module_name}; rename one"
        )
    found.workers[spec.name] = worker
    for endpoint in spec.endpoints:
        if endpoint.routed_only:
            continue
        if endpoint.id in found.endpoints:
            other = found.endpoints[endpoint.id][1].name
            raise SettingsError(
                f"{module_name}: {endpoint.id} is served by the worker {other} already; "
                "give this endpoint an id of its own"
            )
        found.endpoints[endpoint.id] = (endpoint, spec)
