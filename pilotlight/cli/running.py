"""``up.json``: how the other commands find what ``pilotlight up`` started."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path

NAME: Final = "up.json"


@dataclass(frozen=True, slots=True)
class Running:
    """What runs over a data folder, or ran when it was killed."""

    url: str
    key: str
    pid: int
    workers: list[str] = field(default_factory=list)
    routes: list[dict[str, Any]] = field(default_factory=list)
    """As in settings: what was put behind the workers."""
    upstreams: list[str] = field(default_factory=list)
    """Those that it may ask, because it has their keys."""
    settings: dict[str, Any] = field(default_factory=dict)
    """How it scales, and what leads to the same rows: an operator's shell may have another
    environment."""


def announce(data: Path, running: Running) -> None:
    """Write it whole or not at all, readable by its owner alone: the key is in it."""
    data.mkdir(parents=True, exist_ok=True)
    draft = data / f".{NAME}.{running.pid}"
    with contextlib.suppress(FileNotFoundError):
        draft.unlink()
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump(asdict(running), file)
    draft.replace(data / NAME)


def withdraw(data: Path, pid: int) -> None:
    """Remove it, unless somebody else has written theirs since."""
    found = read(data)
    if found is not None and found.pid == pid:
        (data / NAME).unlink(missing_ok=True)


def read(data: Path) -> Running | None:
    """None when nothing was announced, or not in words we know."""
    try:
        return Running(**json.loads((data / NAME).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def alive(pid: int) -> bool:
    """Whether a process of that number exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
