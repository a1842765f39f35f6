"""``make bench-pool``: what a swap of models costs on a pooled host, beside a cold start.

Both with the starter model: a replica of its own from the submit to the first lease, and on a host
that has its libraries the load from disk and the way back from memory. The replicas are real, on
one data folder, without an ingress. ``build/bench-pool.json`` has the medians, in seconds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.table import Table

from tests.pool_rig import PoolRig
from tests.replica_rig import Rig

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
PICTURE: Final = {"prompt": "a red circle", "num_inference_steps": 1, "seed": 1}


def waited(rig: Rig, submit: Callable[[], str]) -> float:
    """From the submit to the start of the run."""
    job = rig.ended(submit())
    assert job.status == "succeeded", job.error
    return float(job.started_at - job.created_at)


def cold_start(folder: Path) -> float:
    """The same from the moment a replica is started for it."""
    rig = Rig(folder, "shapes")
    try:

        def submit() -> str:
            job_id: str = rig.submit(PICTURE)
            rig.start()
            return job_id

        return waited(rig, submit)
    finally:
        rig.close()


def swaps(folder: Path, *, memory_gib: float, rounds: int) -> list[float]:
    """Two diffusers models in turn; the first rounds load libraries and are not counted."""
    rig = PoolRig(folder, ("tests.journeys.studio",), "studio", memory_gib=memory_gib)
    try:
        rig.start()
        took = []
        for number in range(2 + rounds):
            name = ("painter", "sketcher")[number % 2]
            took.append(waited(rig, lambda: rig.submit(PICTURE, to=name)))  # noqa: B023 - at once
        return took[2:]
    finally:
        rig.close()


def measure(passes: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {
        "cold start": [],
        "swap, from disk": [],
        "swap, from memory": [],
    }
    for _ in range(passes):
        with tempfile.TemporaryDirectory() as each:
            for name in ("cold", "disk", "memory"):
                (Path(each) / name).mkdir()
            found["cold start"].append(cold_start(Path(each) / "cold"))
            disk = swaps(Path(each) / "disk", memory_gib=0.15, rounds=4)
            found["swap, from disk"] += disk
            memory = swaps(Path(each) / "memory", memory_gib=1, rounds=4)
            found["swap, from memory"] += memory
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.pool")
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "bench-pool.json")
    args = parser.parse_args()
    found = measure(args.passes)
    medians = {name: round(statistics.median(times), 4) for name, times in found.items()}
    args.output.parent.mkdir(exist_ok=True)
    args.output.write_text(json.dumps(medians, indent=1))
    table = Table("what", "median", "least", "most", box=None)
    for name, times in found.items():
        table.add_row(
            name, *(f"{value:.3f} s" for value in (medians[name], min(times), max(times)))
        )
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
