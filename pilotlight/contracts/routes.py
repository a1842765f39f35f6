"""A public id put behind a worker that was not made for it: names exchanged, values fixed.

Only what a caller says is translated; what they leave out is the worker's to choose, unless the
route fixes it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from pilotlight.contracts.example import example_of
from pilotlight.contracts.media import has_media
from pilotlight.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

    from pilotlight.contracts.worker import Endpoint, WorkerSpec

Loc = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What a worker serves beside its own endpoints."""

    endpoint: str
    """The public id; in no catalogue it takes the worker's own contract."""
    target: str | None = None
    """Which of the worker's endpoints; None: the one of the same task type, else its first."""
    rename: dict[str, str] = field(default_factory=dict)
    """Fields by the caller's name, each with the worker's."""
    fixed: dict[str, Any] = field(default_factory=dict)
    """Values by the worker's names; what callers say of them is not heard."""

    def translate(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """A caller's input in the worker's words."""
        taken = set(self.rename.values())
        said = {
            self.rename.get(name, name): value
            for name, value in document.items()
            if name in self.rename or name not in taken
        }
        return {**said, **self.fixed}

    def back(self, loc: Loc) -> Loc:
        """Where a problem is in the caller's words: ``loc`` begins at the input."""
        if not loc:
            return loc
        names = {own: public for public, own in self.rename.items()}
        first = loc[0]
        return (names.get(first, first) if isinstance(first, str) else first, *loc[1:])


def target_of(spec: WorkerSpec, route: Route, task: str = "") -> Endpoint | None:
    """The worker's own endpoint behind a route; None when it has none of that id."""
    if route.target is not None:
        return next((one for one in spec.endpoints if one.id == route.target), None)
    same = (one for one in spec.endpoints if one.task == task)
    return next(same, spec.endpoints[0])


def own_id(spec: WorkerSpec, endpoint_id: str) -> str:
    """The worker's own name for what a job calls; an id that leads nowhere stays as it is."""
    if any(one.id == endpoint_id for one in spec.endpoints):
        return endpoint_id
    for route in spec.routes:
        if route.endpoint == endpoint_id:
            found = target_of(spec, route, _task(endpoint_id))
            return endpoint_id if found is None else found.id
    return endpoint_id


def _task(endpoint_id: str) -> str:
    from pilotlight.contracts.endpoints import KNOWN  # noqa: PLC0415 - it needs what needs this

    known = KNOWN.get(endpoint_id)
    return known.task if known else ""


def files_by(spec: WorkerSpec, called: str) -> type[BaseModel] | None:
    """The model that says where files stand in the input of a job that called ``called``.

    It is the worker's own, unless that takes whatever comes, as a relay's does: then it is the
    callers'. Where a route exchanges names it stays the worker's: a renamed field was not looked
    at as what it now is. None for a call that leads nowhere.
    """
    name = own_id(spec, called)
    own = next((one for one in spec.endpoints if one.id == name), None)
    if own is None:
        return None
    plain = any(one.endpoint == called and not one.rename for one in spec.routes)
    if plain and takes_anything(own.input) and not has_media(own.input):
        from pilotlight.contracts.endpoints import KNOWN, contract  # noqa: PLC0415 - as above

        shapes = contract(called) if called in KNOWN else by_task(own.task)
        return own.input if shapes is None else shapes.input
    return own.input


class Shapes(NamedTuple):
    input: type[BaseModel]
    output: type[BaseModel]


def by_task(task: str) -> Shapes | None:
    """What a task type takes and gives: what callers of a relay know, where its id tells nothing."""
    from pilotlight.contracts import tasks  # noqa: PLC0415 - shapes are built when used

    return Shapes(*tasks.shapes(task)) if task in tasks.TASKS else None


def public_schema(endpoint: Endpoint, route: Route) -> dict[str, Any]:
    """The JSON Schema of the worker's own input as callers of the route see it."""
    schema: dict[str, Any] = endpoint.input.model_json_schema()
    names = {own: public for public, own in route.rename.items()}
    shown = {
        names.get(name, name): one
        for name, one in schema.get("properties", {}).items()
        if name not in route.fixed
    }
    required = [
        names.get(name, name) for name in schema.get("required", ()) if name not in route.fixed
    ]
    return {**schema, "properties": shown, "required": required}


def check(route: Route, own: type[BaseModel], public: type[BaseModel] | None) -> None:
    """Raises SettingsError for a field that nobody takes, and for a fixed value that cannot be.

    ``public`` is the callers' contract, where they have one of their own.
    """
    _check_names(route, "the worker", {*route.rename.values(), *route.fixed}, own)
    if public is not None:
        _check_names(route, "the endpoint", set(route.rename), public)
    try:
        own.model_validate({**example_of(own), **route.fixed})
    except ValidationError as error:
        for one in error.errors():
            if one["loc"] and one["loc"][0] in route.fixed:
                where = ".".join(str(part) for part in one["loc"])
                raise SettingsError(
                    f"route for {route.endpoint}: fixed {where}: {one['msg']}"
                ) from None


def _check_names(route: Route, whose: str, names: set[str], model: type[BaseModel]) -> None:
    known = {info.alias or name for name, info in model.model_fields.items()}
    unknown = sorted(names - known)
    if unknown and not takes_anything(model):
        raise SettingsError(
            f"route for {route.endpoint}: {whose} takes no {unknown[0]!r}; "
            f"it takes {', '.join(sorted(known))}"
        )


def takes_anything(model: type[BaseModel]) -> bool:
    """Whether fields that the model does not name reach the worker too."""
    return model.model_config.get("extra") == "allow"
