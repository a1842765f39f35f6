"""Find the files that an output names, and put something else in place of their paths."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from pilotlight.errors import WorkerError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Replace = Callable[[Path, Mapping[str, Any]], str]

FILE_SCHEME: Final = "file://"


def replace_files(output: Any, *, folder: Path, replace: Replace) -> Any:
    """A copy of the JSON value with each file's URL replaced.

    ``replace`` gets the path and the object around it, whose own fields describe the file. A
    ``url`` must lie in ``folder`` (links followed): WorkerError names any that does not, so that
    no output can publish a file of this machine. Other text is a file only when it lies there:
    a caller's own words may begin with ``file://`` too.
    """
    root = folder.resolve()

    def walk(value: Any, around: Mapping[str, Any], name: str) -> Any:
        if isinstance(value, dict):
            return {key: walk(item, value, key) for key, item in value.items()}
        if isinstance(value, list):
            return [walk(item, {}, name) for item in value]
        if not isinstance(value, str) or not value.startswith(FILE_SCHEME):
            return value
        path = Path(unquote(urlsplit(value).path)).resolve()
        if not path.is_relative_to(root):
            if name != "url":
                return value
            raise WorkerError(
                f"the output names {path}, which is outside of context.folder: write it there"
            )
        if not path.is_file():
            raise WorkerError(f"the output names {path.name}, but the worker made no such file")
        return replace(path, around)

    return walk(output, {}, "")
