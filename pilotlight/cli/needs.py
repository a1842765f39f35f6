"""Which libraries a worker file asks for, read from its source: nothing of it is run."""

from __future__ import annotations

import ast
import importlib.util
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def missing(module: str) -> list[str]:
    """Top-level names that the module, or one of its own package's that it uses, cannot import."""
    wanted: set[str] = set()
    seen: set[str] = set()
    _collect(module, module.partition(".")[0], wanted, seen)
    return sorted(name for name in wanted if importlib.util.find_spec(name) is None)


def _collect(module: str, own: str, wanted: set[str], seen: set[str]) -> None:
    if module in seen:
        return
    seen.add(module)
    for name in _imported(module):
        root = name.partition(".")[0]
        if root == own and _spec(name) is not None:
            _collect(name, own, wanted, seen)
        elif root != own:
            wanted.add(root)


def _imported(module: str) -> Iterator[str]:
    """Every module named by an import, inside functions too; of ``from a import b`` also a.b."""
    spec = _spec(module)
    if spec is None or not spec.has_location or spec.origin is None:
        return
    with open(spec.origin, encoding="utf-8") as file:  # noqa: PTH123 - a path as importlib gave it
        tree = ast.parse(file.read())
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _spec(module: str) -> importlib.machinery.ModuleSpec | None:
    try:
        return importlib.util.find_spec(module)
    except (ImportError, AttributeError, ValueError):
        return None
