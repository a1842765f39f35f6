"""Which endpoint a task type and a model name together.

``model`` is an endpoint's id, or a worker's name: a worker with an endpoint for each of its task
types is one model to callers. Pure.
"""

from __future__ import annotations

from pilotlight.catalogue import Catalogue, Listed
from pilotlight.contracts.tasks import TASKS, kinds_of
from pilotlight.errors import InvalidInput, Problem, UnknownEndpoint


def is_sync(task: str) -> bool:
    """Whether a caller may wait for the answer; what is not in the table takes long, as fal's."""
    return task in TASKS and TASKS[task].sync


def endpoint_for(catalogue: Catalogue, task: str, model: str) -> str:
    """The endpoint's id.

    Raises InvalidInput that names ``task`` when there is no such type, or the model is of another;
    UnknownEndpoint, with the models that do the task, when there is no such model.
    """
    if catalogue.knows(model) and catalogue.contract(model).task == task:
        return model  # most calls, and no list is walked for them
    kinds = kinds_of(task)
    listed = list(catalogue.listed())
    if task not in TASKS and not any(one.task == task for one in listed):
        raise _wrong(f"{task!r} is no task type; there are {', '.join(TASKS)}")
    named = [one for one in listed if model in (one.id, one.worker)]
    able = [one for one in named if one.task in kinds]
    if able:
        return min(able, key=lambda one: (one.id != model, kinds.index(one.task))).id
    if named:
        does = ", ".join(sorted({one.task for one in named}))
        raise _wrong(f"{model} does not do {task}; it does {does}")
    raise UnknownEndpoint(_advice(task, model, listed), endpoint=model, param="model")


def _advice(task: str, model: str, listed: list[Listed]) -> str:
    kinds = kinds_of(task)
    fit = [one.id for one in listed if one.worker and one.task in kinds]
    there_are = f"models that do {task} here: {', '.join(fit)}" if fit else f"no worker does {task}"
    return f"there is no model {model!r}; {there_are}"


def _wrong(message: str) -> InvalidInput:
    return InvalidInput(message, Problem(("body", "task"), message, "value_error"))
