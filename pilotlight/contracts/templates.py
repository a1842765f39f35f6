"""``{{input.prompt}}`` and ``{{nodes.draw.output.images.0.url}}``: values that exist later.

A text that is one template and nothing else becomes the value itself, whatever its type; within
other text it becomes words. A path goes through objects by name and through lists by number;
``*`` takes every item of a list. What is put in is never read as a template again.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Loc = tuple[str | int, ...]

_TEMPLATE: Final = re.compile(r"\{\{([^{}]{0,300})\}\}")
_OPENING: Final = "{{"
_STEP: Final = re.compile(r"[^\s.{}]{1,100}")
_DEEPEST: Final = 40
"""Steps of a path, and levels of a payload."""
EVERY: Final = "*"


class BadTemplate(ValueError):
    """The text between the braces is no path."""


class Missing(LookupError):
    """There is no such thing in the value."""

    code = "missing"
    """Of the problem that it becomes."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Use(NamedTuple):
    """One template: where it stands, and what it names."""

    loc: Loc
    path: tuple[str, ...]
    alone: bool
    """It is the whole text, so that its value keeps its type."""

    @property
    def text(self) -> str:
        return "{{" + ".".join(self.path) + "}}"


def uses(value: Any, loc: Loc = ()) -> Iterator[Use]:
    """Every template in a JSON value, in order. Raises BadTemplate that quotes it."""
    if len(loc) > _DEEPEST:
        raise BadTemplate(f"more than {_DEEPEST} levels")
    if isinstance(value, str):
        yield from _in_text(value, loc)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from uses(item, (*loc, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from uses(item, (*loc, index))


def _in_text(text: str, loc: Loc) -> Iterator[Use]:
    rest = _TEMPLATE.sub("", text)
    if _OPENING in rest:
        raise BadTemplate(f"{text[:100]!r} opens {{{{ and does not close it around one path")
    for found in _TEMPLATE.finditer(text):
        yield Use(loc, path_of(found[1]), found[0] == text.strip())


def path_of(text: str) -> tuple[str, ...]:
    """Raises BadTemplate."""
    path = tuple(text.strip().split("."))
    if len(path) > _DEEPEST or not all(_STEP.fullmatch(step) for step in path):
        raise BadTemplate(f"{{{{{text}}}}} is no path such as input.prompt")
    return path


def rendered(value: Any, look_up: Callable[[tuple[str, ...]], Any]) -> Any:
    """The value with everything put in. Raises what ``look_up`` raises."""
    if isinstance(value, str):
        return _rendered_text(value, look_up)
    if isinstance(value, dict):
        return {key: rendered(item, look_up) for key, item in value.items()}
    if isinstance(value, list):
        return [rendered(item, look_up) for item in value]
    return value


def _rendered_text(text: str, look_up: Callable[[tuple[str, ...]], Any]) -> Any:
    alone = _TEMPLATE.fullmatch(text.strip())
    if alone is not None:
        return look_up(path_of(alone[1]))
    return _TEMPLATE.sub(lambda found: _words(look_up(path_of(found[1]))), text)


def _words(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def at(value: Any, path: tuple[str, ...]) -> Any:
    """What the path leads to. Raises Missing."""
    for number, step in enumerate(path):
        if step == EVERY and isinstance(value, list):
            return [at(item, path[number + 1 :]) for item in value]
        value = _step(value, step)
    return value


def _step(value: Any, step: str) -> Any:
    if isinstance(value, dict):
        if step in value:
            return value[step]
        there = ", ".join(map(str, value))[:200]
        rest = f"; there is {there}" if there else ", and nothing else: it is empty"
        raise Missing(f"there is no {step!r}{rest}")
    if isinstance(value, list):
        if step.isascii() and step.isdigit() and int(step) < len(value):
            return value[int(step)]
        raise Missing(f"a list of {len(value)} has no {step!r}")
    raise Missing(f"{json.dumps(value)[:60]} has nothing below it, so no {step!r}")
