"""A body against the contract its caller knows, and through a route against the worker's own.

Both are looked at before anything is fetched or counted: a route must not turn a mistake of the
caller's into a failed job.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pilotlight.contracts.routes import takes_anything
from pilotlight.errors import InvalidInput, Problem
from pilotlight.intake import strict
from pilotlight.intake.validation import validate

if TYPE_CHECKING:
    from pydantic import BaseModel

    from pilotlight.catalogue import Served
    from pilotlight.contracts.routes import Route
    from pilotlight.intake.inputs import Inputs


@dataclass(frozen=True, slots=True)
class Reading:
    """A body that both contracts take."""

    served: Served
    body: bytes
    value: BaseModel | None
    """By the callers' contract; None where they have none of their own."""

    def needs_files(self, inputs: Inputs) -> bool:
        """Whether :meth:`text` may block on the network."""
        own = self.served.route is not None and inputs.wants(self.served.own.input)
        return own or (self.value is not None and inputs.wants(type(self.value)))

    def text(self, inputs: Inputs, *, caller: str, now: float) -> str:
        """The input as the worker gets it: JSON, every file our own copy.

        Raises InvalidInput in the caller's words.
        """
        text, placed = self.body.decode(), frozenset[str]()
        if self.value is not None and inputs.wants(type(self.value)):
            text, placed = inputs.resolve(self.value, self.body, caller=caller, now=now)
        route = self.served.route
        if route is None:
            return text
        text = _translated(self.served, route, text)
        own = self.served.own.input
        if inputs.wants(own):
            try:
                parsed, body = own.model_validate_json(text), text.encode()
                text, _ = inputs.resolve(parsed, body, caller=caller, now=now, placed=placed)
            except InvalidInput as error:
                raise _in_callers_words(error, route) from None
        return text


def read(served: Served, body: bytes) -> Reading:
    """Raises InvalidInput that names every field, MalformedBody when it is not JSON."""
    body = body or b"{}"
    value = validate(served.endpoint.input, body) if served.has_contract else None
    if served.route is not None:
        if value is None:
            _object(body)
        own = _translated(served, served.route, body).encode()
        try:
            validate(served.own.input, own)
        except InvalidInput as error:
            raise _in_callers_words(error, served.route) from None
    return Reading(served, body, value)


def _object(body: bytes) -> None:
    strict.check(body)
    if not isinstance(json.loads(body), dict):
        problem = Problem(("body",), "Input should be an object", "model_type")
        raise InvalidInput("body: Input should be an object", problem)


def _translated(served: Served, route: Route, text: str | bytes) -> str:
    """What the callers' contract does not name stays outside: the rest of the worker is its owner's."""
    document: dict[str, Any] = json.loads(text)
    if served.has_contract and not takes_anything(served.endpoint.input):
        fields = served.endpoint.input.model_fields.items()
        known = {info.alias or name for name, info in fields}
        document = {name: value for name, value in document.items() if name in known}
    return json.dumps(route.translate(document), separators=(",", ":"), ensure_ascii=False)


def _in_callers_words(error: InvalidInput, route: Route) -> InvalidInput:
    problems = tuple(
        Problem(
            (problem.loc[0], *route.back(problem.loc[1:])),
            problem.message,
            problem.type,
            problem.context,
            problem.given,
        )
        for problem in error.problems
    )
    first = problems[0]
    where = ".".join(str(part) for part in first.loc)
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return InvalidInput(f"{where}: {first.message}{more}", *problems)
