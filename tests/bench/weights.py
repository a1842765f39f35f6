"""``make bench-weights``: weights from disk and from a server of ranges, beside plain reads of them.

Pass by pass in turn, in one run, so that a noisy machine slows all alike: the medians are compared.
Disk: pages of the file are dropped before each reading. Loopback: the server is another process
that sends from memory with ``sendfile``; copies go to memory (``/dev/shm``). ``build/bench-weights.json`` has the figures.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import http.client
import json
import mmap
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from pilotlight.adapters.local.clock import SystemClock
from pilotlight.ports.weights import Link
from tests.live import until
from workers.engines import weights
from workers.engines.weights import digest as weights_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
GIB = 1024**3
MEMORY = "/dev/shm"
"""A file system in memory, so that no disk is measured by mistake."""
TENSOR_BYTES = 32 * 1024 * 1024
_CLOCK = SystemClock()


def make_weights(folder: Path, size: int) -> Path:
    """One file of random tensors, each 32 MiB."""
    count = max(1, size // TENSOR_BYTES)
    tensors = {
        f"layer.{number}.weight": {
            "dtype": "F32",
            "shape": [TENSOR_BYTES // 4],
            "data_offsets": [number * TENSOR_BYTES, (number + 1) * TENSOR_BYTES],
        }
        for number in range(count)
    }
    header = json.dumps(tensors).encode()
    path = folder / "model.safetensors"
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for _ in range(count):
            file.write(os.urandom(TENSOR_BYTES))
        file.flush()
        os.fsync(file.fileno())
    return path


def drop(path: Path) -> None:
    """Out of the page cache; what is written to disk may go."""
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)


def plain_file(path: Path) -> None:
    """What the disk gives to one who only reads."""
    buffer = bytearray(1024 * 1024)
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass


def plain_http(port: int, path: Path | None = None) -> None:
    """What the loopback gives to one who only reads, or who writes it down as it comes."""
    buffer = bytearray(1024 * 1024)
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/")
    answer = connection.getresponse()
    with path.open("wb", buffering=0) if path else contextlib.nullcontext() as file:
        while count := answer.readinto(buffer):
            if file is not None:
                file.write(memoryview(buffer)[:count])
    connection.close()


def load(path: Path) -> None:
    """As engines do: safetensors maps the file, and one thread has every page of it brought."""
    import torch
    from safetensors.torch import load_file

    torch.set_num_threads(1)
    for tensor in load_file(path).values():
        tensor.view(torch.uint8)[:: mmap.PAGESIZE].sum()


def timed(work: Callable[[], object]) -> float:
    began = _CLOCK.monotonic()
    work()
    return _CLOCK.monotonic() - began


@contextlib.contextmanager
def ranged(path: Path) -> Iterator[int]:
    """A server of this file's ranges, its port."""
    command = [sys.executable, "-m", "tests.bench.ranged_server", str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            port = int(until(server.stdout.readline, what="the port of the server"))
            yield port
        finally:
            server.terminate()


def passes(path: Path, port: int, count: int) -> dict[str, list[float]]:
    """Seconds by what was done, a list for each."""
    size, folder = path.stat().st_size, path.parent
    link = Link(path.name, f"http://127.0.0.1:{port}/", size)
    took: dict[str, list[float]] = {}

    def note(name: str, work: Callable[[], object]) -> None:
        took.setdefault(name, []).append(timed(work))

    for _ in range(count):
        drop(path)
        note("disk, plain reads", lambda: plain_file(path))
        drop(path)
        note("disk, ours", lambda: weights.prefetch(folder))
        drop(path)
        note("load, plain loader", lambda: load(path))
        drop(path)
        note("load, ours", lambda: (weights.prefetch(folder), load(path)))
        weights_digest.make(folder)
        drop(path)
        note("disk, ours with checksums", lambda: weights.prefetch(folder))
        digests = folder / weights_digest.FILE
        digests.unlink()
        plain_file(path)
        note("loopback, plain reads", lambda: plain_http(port))
        for name, work in _copies(link, port):
            with tempfile.TemporaryDirectory(dir=MEMORY) as copy:
                note(name, functools.partial(work, Path(copy)))
    return took


def _copies(link: Link, port: int) -> list[tuple[str, Callable[[Path], object]]]:
    """Two connections: the loopback needs no more, and S3 is not here."""
    return [
        ("loopback, plain copy", lambda copy: plain_http(port, copy / "plain")),
        ("loopback, ours", lambda copy: weights.fetch([link], copy, threads=2)),
    ]


RATIOS = {
    "disk share": ("disk, plain reads", "disk, ours"),
    "loopback share": ("loopback, plain copy", "loopback, ours"),
    "loader gain": ("load, plain loader", "load, ours"),
}
"""How much of the first's speed the second has."""


def figures(took: dict[str, list[float]], size: int) -> dict[str, float]:
    """Medians; for ratios also those of the best passes, which others disturbed the least."""
    found = {f"{name} GB/s": size / statistics.median(times) / 1e9 for name, times in took.items()}
    for name, (plain, ours) in RATIOS.items():
        found[name] = statistics.median(took[plain]) / statistics.median(took[ours])
        found[f"{name}, best passes"] = min(took[plain]) / min(took[ours])
    return {name: round(value, 3) for name, value in found.items()}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.weights")
    parser.add_argument("--gib", type=float, default=1)
    parser.add_argument("--passes", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="on the disk to measure; default: build/")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "bench-weights.json")
    args = parser.parse_args()
    args.output.parent.mkdir(exist_ok=True)
    above = Path(tempfile.mkdtemp(dir=args.folder or args.output.parent))
    try:
        (folder := above / "weights").mkdir()
        path = make_weights(folder, int(args.gib * GIB))
        load(path)  # the libraries' own start is not the weights'
        with ranged(path) as port:
            found = figures(passes(path, port, args.passes), path.stat().st_size)
    finally:
        shutil.rmtree(above)
    args.output.write_text(json.dumps(found, indent=1))
    table = Table("figure", "value", box=None)
    for name, value in found.items():
        table.add_row(name, f"{value:g}")
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
