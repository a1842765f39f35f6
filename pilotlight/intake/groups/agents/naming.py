"""Which endpoint a node calls: by its model, its task type, or both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilotlight.contracts.tasks import TASKS, kinds_of
from pilotlight.errors import UnknownEndpoint
from pilotlight.intake.groups.agents.graph import at_node

if TYPE_CHECKING:
    from pilotlight.catalogue import Catalogue, Listed, Served
    from pilotlight.contracts.agent import Node
    from pilotlight.errors import Problem


def served_by(catalogue: Catalogue, node: Node) -> Served | Problem:
    """The endpoint, or what is wrong with the node's ``task`` or ``model``."""
    if node.model is None and node.task is None:
        return at_node(node, ("model",), "a node needs a model, a task or both", "missing")
    if node.task is None:
        return _named(catalogue, node)
    listed = list(catalogue.listed())
    kinds = kinds_of(node.task)
    if node.task not in TASKS and not any(one.task == node.task for one in listed):
        message = f"{node.task!r} is no task type; there are {', '.join(TASKS)}"
        return at_node(node, ("task",), message, "unknown_task")
    able = [one for one in listed if one.task in kinds]
    if node.model is not None:
        named = [one for one in able if node.model in (one.id, one.worker)]
        if not named:
            return _not_able(catalogue, node, able)
        able = sorted(named, key=lambda one: (one.id != node.model, kinds.index(one.task)))[:1]
    served = [one for one in able if one.worker]
    if len(served) == 1 or (served and node.model is not None):
        return catalogue.endpoint(served[0].id)
    return _choose(catalogue, node, able)


def _named(catalogue: Catalogue, node: Node) -> Served | Problem:
    """By its model alone: an endpoint's id, or a worker with one endpoint."""
    model = node.model or ""
    if not catalogue.knows(model):
        own = [one for one in catalogue.listed() if one.worker == model]
        if len(own) == 1:
            return catalogue.endpoint(own[0].id)
        if own:
            does = ", ".join(sorted({one.task for one in own}))
            return at_node(node, ("task",), f"{model} does {does}: say which", "missing")
    try:
        return catalogue.endpoint(model)
    except UnknownEndpoint as error:
        return at_node(node, ("model",), str(error), error.code)


def _not_able(catalogue: Catalogue, node: Node, able: list[Listed]) -> Problem:
    model = node.model or ""
    others = [one for one in catalogue.listed() if model in (one.id, one.worker)]
    if others:
        does = ", ".join(sorted({one.task for one in others}))
        return at_node(node, ("task",), f"{model} does {does}, not {node.task}", "task_mismatch")
    fit = ", ".join(one.id for one in able if one.worker) or "none"
    message = f"there is no model {model!r}; models that do {node.task} here: {fit}"
    return at_node(node, ("model",), message, "unknown_endpoint")


def _choose(catalogue: Catalogue, node: Node, able: list[Listed]) -> Problem:
    served = [one.id for one in able if one.worker]
    if served:
        message = f"{node.task} is done by {', '.join(served)}: say which"
        return at_node(node, ("model",), message, "missing")
    try:
        if node.model is not None and able:
            catalogue.endpoint(able[0].id)
    except UnknownEndpoint as error:  # known, but nobody serves it: it says how to
        return at_node(node, ("model",), str(error), error.code)
    return at_node(node, ("task",), f"no worker here does {node.task}", "unknown_endpoint")
