"""Checksums of weights, by block: threads check what they read while it is still in the cache.

``weights.sha256.json`` lies beside the weights; ``python -m workers.engines.weights.digest FOLDER``
writes it. One digest for a whole file could only be computed in order, by one core.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from workers.engines.weights.header import WeightsRefused

FILE: Final = "weights.sha256.json"
BLOCK: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Digests:
    """Of one file."""

    size: int
    blocks: tuple[str, ...]
    """SHA-256 in hexadecimal, of each BLOCK bytes."""

    def check(self, number: int, found: str, name: str) -> None:
        """Raises WeightsRefused."""
        if self.blocks[number] != found:
            raise WeightsRefused(f"{name}: block {number} of {BLOCK} bytes has another checksum")


def read_digests(text: bytes) -> dict[str, Digests]:
    """By file name. Raises WeightsRefused for what is no list of checksums."""
    try:
        found: dict[str, Any] = json.loads(text)
        if found["block"] != BLOCK:
            raise WeightsRefused(f"{FILE}: blocks of {found['block']} bytes, not {BLOCK}")
        digests = {
            name: Digests(int(one["size"]), tuple(map(str, one["sha256"])))
            for name, one in found["files"].items()
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise WeightsRefused(f"{FILE} is no list of checksums: {error!r}") from None
    for name, one in digests.items():
        if len(one.blocks) != -(-one.size // BLOCK):
            raise WeightsRefused(f"{FILE}: {name} has {len(one.blocks)} checksums")
    return digests


def digests_in(folder: Path) -> dict[str, Digests]:
    """Empty when the folder has none."""
    file = folder / FILE
    return read_digests(file.read_bytes()) if file.is_file() else {}


def make(folder: Path) -> Path:
    """Write the checksums of every safetensors file below the folder."""
    files = {}
    for path in sorted(folder.rglob("*.safetensors")):
        with path.open("rb") as file:
            blocks = [
                hashlib.sha256(block).hexdigest() for block in iter(lambda: file.read(BLOCK), b"")
            ]
        name = path.relative_to(folder).as_posix()
        files[name] = {"size": path.stat().st_size, "sha256": blocks}
    target = folder / FILE
    target.write_text(json.dumps({"block": BLOCK, "files": files}, indent=1), encoding="utf-8")
    return target


if __name__ == "__main__":
    sys.stdout.write(f"{make(Path(sys.argv[1]))}\n")
