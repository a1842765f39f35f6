"""An agent against the contracts of what it calls, before anything runs.

Checked without an input: the graph, every endpoint, every field that is written out, and for each
template whether what it names exists and can be of the type that its field wants. With an input:
that nothing is missing in it, and every field made from it by its contract, items of lists too.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pilotlight.catalogue import Served
from pilotlight.contracts import templates
from pilotlight.contracts.agent import MOST_ITEMS
from pilotlight.contracts.templates import Missing, uses
from pilotlight.errors import InvalidInput, Problem
from pilotlight.intake.groups.agents import shapes
from pilotlight.intake.groups.agents.graph import at_node, refusal, sound
from pilotlight.intake.groups.agents.naming import served_by
from pilotlight.intake.groups.agents.room import Room
from pilotlight.intake.groups.agents.shapes import NoSuchField, Schema
from pilotlight.intake.reading import read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pilotlight.catalogue import Catalogue
    from pilotlight.contracts.agent import Definition, Node
    from pilotlight.contracts.templates import Loc, Use

_NO_INPUT: Final[Any] = object()


@dataclass(frozen=True, slots=True)
class Step:
    """A node and what it calls."""

    node: Node
    served: Served

    @property
    def endpoint(self) -> str:
        return self.served.endpoint.id


def checked(
    definition: Definition, catalogue: Catalogue, given: Any = _NO_INPUT
) -> tuple[Step, ...]:
    """The steps in an order in which they can run. ``given``: the input of a run.

    Raises InvalidInput that names each node and field that is wrong.
    """
    order = sound(definition)
    found = [(node, served_by(catalogue, node)) for node in order]
    problems = [wrong for _, wrong in found if isinstance(wrong, Problem)]
    steps = [Step(node, served) for node, served in found if isinstance(served, Served)]
    if not problems:
        look = _Look({step.node.id: step for step in steps}, given)
        for step in steps:
            problems += look.faults(step)
        problems += look.output_faults(definition.output)
    if problems:
        raise refusal(problems)
    return tuple(steps)


@dataclass(slots=True)
class _Look:
    steps: dict[str, Step]
    given: Any
    _outputs: dict[str, Schema] = field(default_factory=dict)
    _inputs: dict[str, Schema] = field(default_factory=dict)

    def faults(self, step: Step) -> list[Problem]:
        """Of templates first: a body is looked at once what goes into it can be right."""
        found = [*self._map_faults(step), *self._when_faults(step)]
        found = found or list(self._template_faults(step))
        return found or list(self._body_faults(step))

    def output_faults(self, output: Any) -> Iterator[Problem]:
        for use in uses(output):
            message = self._unfound(use, None)
            if message is not None:
                yield Problem(("body", "output", *use.loc), message, "template")

    def _input(self, step: Step) -> Schema:
        """Made once: pydantic takes a millisecond over it, and a list may have thousands of items."""
        if step.endpoint not in self._inputs:
            self._inputs[step.endpoint] = step.served.input_schema()
        return self._inputs[step.endpoint]

    # What templates name

    def _shape(self, use: Use, step: Step | None) -> Schema:
        """Raises NoSuchField, Missing."""
        root, *rest = use.path
        if root == "nodes":
            return shapes.below(self._output(rest[0]), tuple(rest[2:]))
        if root == "index":
            return {"type": "integer"}
        if root == "item" and step is not None:
            return shapes.below(self._item(step), tuple(rest))
        if self.given is not _NO_INPUT:
            templates.at(self.given, tuple(rest))
        return shapes.ANY

    def _output(self, node_id: str) -> Schema:
        if node_id not in self._outputs:
            step = self.steps[node_id]
            schema: Schema = _output_schema(step.served.endpoint.output)
            if step.node.map is not None:
                defs = schema.get("$defs", {})
                schema = {"type": "array", "items": schema, "$defs": defs}
            self._outputs[node_id] = schema
        return self._outputs[node_id]

    def _item(self, step: Step) -> Schema:
        if not isinstance(step.node.map, str):
            return shapes.ANY
        (use,) = uses(step.node.map)
        listed = self._shape(use, None)
        return shapes.below(listed, ("0",)) if listed else shapes.ANY

    def _unfound(self, use: Use, step: Step | None) -> str | None:
        try:
            self._shape(use, step)
        except NoSuchField as error:
            return (
                f"{use.text}: the output {error}"
                if use.path[0] == "nodes"
                else f"{use.text} {error}"
            )
        except Missing as error:
            return f"{use.text} is not in the input: {error.message}"
        return None

    def _map_faults(self, step: Step) -> Iterator[Problem]:
        value = step.node.map
        for use in uses(value):
            message = self._unfound(use, None)
            if message is None:
                why = shapes.mismatch(self._shape(use, None), {"type": "array"})
                message = why and f"{use.text} {why}"
            if message is not None:
                yield at_node(step.node, ("map", *use.loc), message, "type_mismatch")
                return
        listed = self._listed(step)
        if listed is not None and not isinstance(listed, list):
            yield at_node(step.node, ("map",), "must lead to a list", "type_mismatch")
        elif listed is not None and len(listed) > MOST_ITEMS:
            message = f"{len(listed)} items; {MOST_ITEMS} are allowed"
            yield at_node(step.node, ("map",), message, "too_long")

    def _when_faults(self, step: Step) -> Iterator[Problem]:
        """What the input does not hold is not true, and no fault."""
        for use in uses(step.node.when):
            message = None if use.path[0] == "input" else self._unfound(use, None)
            if message is not None:
                yield at_node(step.node, ("when",), message, "type_mismatch")

    def _listed(self, step: Step) -> Any:
        """The items, where they are known already."""
        if isinstance(step.node.map, str):
            return self._value(step.node.map)
        return step.node.map

    def _value(self, text: str) -> Any:
        """What the input makes of a text; None when it depends on more than that."""
        if self.given is _NO_INPUT or any(use.path[0] != "input" for use in uses(text)):
            return None
        return templates.rendered(text, lambda path: templates.at(self.given, path[1:]))

    def _template_faults(self, step: Step) -> Iterator[Problem]:
        wanted_in = self._input(step)
        for use in uses(step.node.payload):
            message = self._unfound(use, step) or self._misfit(use, step, wanted_in)
            if message is not None:
                yield at_node(step.node, ("payload", *use.loc), message, "type_mismatch")

    def _misfit(self, use: Use, step: Step, wanted_in: Schema) -> str | None:
        try:
            wanted = shapes.below(wanted_in, tuple(map(str, use.loc)))
        except NoSuchField as error:
            return f"{step.endpoint} {error}"
        have = self._shape(use, step)
        if not use.alone:
            kinds = shapes.types(have)
            if kinds is not None and kinds <= {"array", "object"}:
                return f"{use.text} is no text or number, so it cannot stand within a text"
            have = {"type": "string"}
        why = shapes.mismatch(have, wanted)
        return why and f"{use.text} {why}"

    # The body as its contract sees it

    def _body_faults(self, step: Step) -> Iterator[Problem]:
        listed = self._listed(step)
        if not isinstance(listed, list):
            yield from self._one_body(step, {})
            return
        for index, item in enumerate(listed):
            found = list(self._one_body(step, {"item": item, "index": index}))
            if found:
                yield from found
                return

    def _one_body(self, step: Step, known: dict[str, Any]) -> Iterator[Problem]:
        wanted_in = self._input(step)
        made_up: list[Loc] = []
        try:
            body = self._filled(step.node.payload, (), wanted_in, known, made_up, Room())
            read(step.served, json.dumps(body).encode())
        except Missing as error:
            yield at_node(step.node, ("payload",), error.message, error.code)
        except InvalidInput as error:
            for problem in error.problems:
                loc = problem.loc[1:]
                if not any(loc[: len(one)] == one for one in made_up):
                    yield at_node(step.node, ("payload", *loc), problem.message, problem.type)

    def _filled(
        self,
        value: Any,
        loc: Loc,
        wanted: Schema,
        known: dict[str, Any],
        made_up: list[Loc],
        room: Room,
    ) -> Any:
        """With every template replaced: by its value, or by one that fits, noted in ``made_up``."""
        if isinstance(value, dict):
            inner = ((key, item, (*loc, key)) for key, item in value.items())
            return {
                key: self._filled(item, at, wanted, known, made_up, room) for key, item, at in inner
            }
        if isinstance(value, list):
            return [
                self._filled(item, (*loc, index), wanted, known, made_up, room)
                for index, item in enumerate(value)
            ]
        if not isinstance(value, str) or not any(uses(value)):
            return value
        roots = {use.path[0] for use in uses(value)}
        if roots <= {*known, *(() if self.given is _NO_INPUT else ("input",))}:
            scope = {"input": self.given, **known}
            return templates.rendered(value, lambda path: room.take(templates.at(scope, path)))
        made_up.append(loc)
        return shapes.sample(shapes.below(wanted, tuple(map(str, loc))))


@functools.cache
def _output_schema(model: Any) -> Schema:
    schema: Schema = model.model_json_schema(mode="serialization")
    return schema
