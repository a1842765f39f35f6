"""Which image a worker needs: the extras of ``pyproject.toml`` that its file leads to.

What a worker imports is read, not run: its own file, and every module of ours that it comes to,
inside functions too, because that is where engines import what is heavy.
"""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parents[2]
PLAIN: Final = "plain"
"""Image without any of them."""
_OTHERS: Final = {"http", "aws", "client"}
"""Extras that are no engine's; a replica has ``aws`` anyway."""
_OTHERWISE_CALLED: Final = {"PIL": "pillow"}
"""What is imported by another name than it is installed by."""


def engine_of(path: Path) -> str:
    """``diffusers``, or several with dots between them; :data:`PLAIN` for none."""
    used = {_installed_as(name) for name in _imports(path)}
    needed = [name for name, offers in _extras().items() if used & offers]
    return ".".join(sorted(_smallest(needed, used))) or PLAIN


def _smallest(names: list[str], used: set[str]) -> set[str]:
    """Those that offer something which no larger choice among them offers already."""
    extras, taken = _extras(), set[str]()
    covered: set[str] = set()
    for name in sorted(names, key=lambda one: -len(extras[one] & used)):
        if extras[name] & used - covered:
            taken.add(name)
            covered |= extras[name]
    return taken


def _imports(path: Path) -> set[str]:
    """Top-level names of everything that is not ours, from here on."""
    found: set[str] = set()
    seen: set[Path] = set()
    waiting = [path]
    while waiting:
        file = waiting.pop()
        if file in seen:
            continue
        seen.add(file)
        for module in _modules(ast.parse(file.read_text())):
            ours = _file_of(module) if module.startswith("workers.") else None
            if ours is not None:
                waiting.append(ours)
            else:
                found.add(module.partition(".")[0])
    return found


def _modules(tree: ast.AST) -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{one.name}" for one in node.names)
        else:
            yield from _modules(node)


def _file_of(module: str) -> Path | None:
    place = ROOT.joinpath(*module.split("."))
    for file in (place.with_suffix(".py"), place / "__init__.py"):
        if file.exists():
            return file
    return None


def _installed_as(name: str) -> str:
    return _OTHERWISE_CALLED.get(name, name).lower().replace("_", "-")


def _extras() -> dict[str, set[str]]:
    """Names of what each extra installs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {
        extra: {re.split(r"[^A-Za-z0-9._-]", one)[0].lower().replace("_", "-") for one in wanted}
        for extra, wanted in project["optional-dependencies"].items()
        if extra not in _OTHERS
    }
