"""The graph of an agent: which nodes there are, in which order they can run. Pure."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

from pilotlight.contracts.agent import is_node
from pilotlight.contracts.templates import BadTemplate, uses
from pilotlight.errors import InvalidInput, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pilotlight.contracts.agent import Definition, Node
    from pilotlight.contracts.templates import Use


def sound(definition: Definition) -> list[Node]:
    """The nodes, each behind those it needs. Raises InvalidInput with every fault of the graph."""
    problems = list(_faults(definition))
    if not problems:
        needs = {node.id: node.upstream for node in definition.nodes}
        try:
            order = list(TopologicalSorter(needs).static_order())
        except CycleError as error:
            problems.append(_cycle(error.args[1]))
        else:
            return [definition.node(node_id) for node_id in order]
    raise refusal(problems)


def refusal(problems: list[Problem]) -> InvalidInput:
    """All of it; the message is that of the first."""
    first = problems[0]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    where = ".".join(str(part) for part in first.loc[1:])
    return InvalidInput(f"{where}: {first.message}{more}", *problems)


def at_node(node: Node, field: tuple[str | int, ...], message: str, kind: str) -> Problem:
    """``nodes.draw.payload.prompt``: the node by its id, not by its number."""
    return Problem(("body", "nodes", node.id, *field), message, kind)


def _cycle(path: list[str]) -> Problem:
    names = " -> ".join(reversed(path))
    message = f"these nodes wait for each other: {names}"
    return Problem(("body", "nodes", path[-1], "needs"), message, "cycle")


def _faults(definition: Definition) -> Iterator[Problem]:
    known: set[str] = set()
    for node in definition.nodes:
        if node.id in known:
            yield at_node(node, ("id",), "two nodes have this id", "duplicate_node")
        known.add(node.id)
    for node in definition.nodes:
        yield from _node_faults(node, known)
    yield from _output_faults(definition.output, known)


def _node_faults(node: Node, known: set[str]) -> Iterator[Problem]:
    try:
        found = list(uses(node.body))
    except BadTemplate as error:
        yield at_node(node, ("payload",), str(error), "template")
        return
    for number, name in enumerate(node.needs):
        if name not in known:
            yield at_node(node, ("needs", number), _unknown(name, known), "unknown_node")
        elif name == node.id:
            yield at_node(node, ("needs", number), "a node cannot need itself", "cycle")
    for use in found:
        message = _fault_of(use, node, known)
        if message is not None:
            yield at_node(
                node, use.loc, message, "unknown_node" if is_node(use.path) else "template"
            )
    yield from _when_faults(node)
    if isinstance(node.map, str) and not any(use.loc == ("map",) and use.alone for use in found):
        message = "must be a list, or one template of a list such as {{input.prompts}}"
        yield at_node(node, ("map",), message, "template")


def _when_faults(node: Node) -> Iterator[Problem]:
    if isinstance(node.when, str) and node.condition is None:
        message = "must be one template, such as {{input.large}} or not {{input.large}}"
        yield at_node(node, ("when",), message, "template")
    if node.map is not None and node.when is not None:
        message = "a node with map cannot have it: put it on a node before, or leave items out"
        yield at_node(node, ("when",), message, "when_with_map")


def _fault_of(use: Use, node: Node | None, known: set[str]) -> str | None:
    root, *rest = use.path
    if root == "nodes":
        return _fault_of_node(use, node, known)
    if root == "input":
        return None if rest else f"{use.text} needs a name, such as {{{{input.prompt}}}}"
    if root in ("item", "index"):
        if node is not None and node.map is not None and use.loc[0] == "payload":
            return None
        return f"{use.text} has a meaning only in the payload of a node with map"
    return f"{use.text} is unknown: templates begin with input, nodes, item or index"


def _fault_of_node(use: Use, node: Node | None, known: set[str]) -> str | None:
    if len(use.path) < 3 or use.path[2] != "output":
        return f"{use.text} must go on as nodes.ID.output"
    if use.path[1] not in known:
        return f"{use.text}: {_unknown(use.path[1], known)}"
    if node is not None and use.path[1] == node.id:
        return f"{use.text}: a node cannot use its own output"
    return None


def _output_faults(output: Any, known: set[str]) -> Iterator[Problem]:
    try:
        for use in uses(output):
            message = _fault_of(use, None, known)
            if message is not None:
                yield Problem(("body", "output", *use.loc), message, "template")
    except BadTemplate as error:
        yield Problem(("body", "output"), str(error), "template")


def _unknown(name: str, known: set[str]) -> str:
    return f"there is no node {name!r}; there are {', '.join(sorted(known))}"
