"""How much of the machine's memory is left: a container that takes more than its share is killed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

MACHINE: Final = Path("/proc/meminfo")
CONTAINER: Final = Path("/sys/fs/cgroup")
"""Of cgroups in their second version, as a container sees its own."""
_KEPT: Final = 2 * 1024**3
"""Left to all else that the machine does."""


def holds(parts: Iterable[Any]) -> bool:
    """Whether what these torch modules have on a GPU can be moved here."""
    tensors = (one for part in parts for one in (*part.parameters(), *part.buffers()))
    there = sum(one.nbytes for one in tensors if one.device.type != "cpu")
    left = free_bytes()
    return not there or left is None or there + _KEPT <= left


def free_bytes(machine: Path = MACHINE, container: Path = CONTAINER) -> int | None:
    """What can still be taken; files kept in memory are given up for it. None: not to be known."""
    told = [one for one in (_machine(machine), _container(container)) if one is not None]
    return min(told, default=None)


def _machine(place: Path) -> int | None:
    try:
        lines = place.read_text().splitlines()
    except OSError:  # no Linux
        return None
    found = {name: rest.split()[0] for name, _, rest in (line.partition(":") for line in lines)}
    return int(found["MemAvailable"]) * 1024 if "MemAvailable" in found else None


def _container(place: Path) -> int | None:
    try:
        most, taken = (
            (place / name).read_text().strip() for name in ("memory.max", "memory.current")
        )
        stat = dict(line.split() for line in (place / "memory.stat").read_text().splitlines())
    except OSError:  # none, or of the first version
        return None
    return None if most == "max" else int(most) - int(taken) + int(stat.get("file", 0))
