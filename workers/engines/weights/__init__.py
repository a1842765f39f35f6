"""Weights on their way into memory: read in parallel, checked, mapped. Safetensors only.

::

    with stage("weights") as reading:
        folder = weights.bring("s3://my-models/flux-dev/", told=reading.progress)
        pipe = FluxPipeline.from_pretrained(folder)

Local weights end up in the system's page cache, from where a safetensors library maps them without
a copy; those from S3 on the way there are written to a folder of this machine, where the next
replica finds them.
"""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import quote, urlsplit

from pilotlight import WeightsMissing
from workers.engines.weights import digest as weights_digest
from workers.engines.weights import reader as weights_reader
from workers.engines.weights.cache import cached_blocks
from workers.engines.weights.copy import Copy
from workers.engines.weights.digest import BLOCK
from workers.engines.weights.header import WeightsRefused, read_header
from workers.engines.weights.reader import Wanted, every_block, file_threads, http_threads
from workers.engines.weights.source import FileSource, HttpSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pilotlight.ports.weights import Link, WeightsStore

    Told = Callable[[float], None]

SUFFIX: Final = ".safetensors"
_PICKLES: Final = {".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".msgpack"}
"""Formats that may run code when they are read: never brought here."""


class _Wiring(Protocol):
    """:mod:`pilotlight.bootstrap.weights`."""

    def store(self) -> WeightsStore: ...

    def cache(self) -> Path: ...


def bring(place: str | Path, *, told: Told | None = None, cache: Path | None = None) -> Path:
    """The folder with the weights, every byte of them checked as far as can be and in memory.

    ``place`` is a folder or ``s3://bucket/folder/``. ``told`` of the share that is there. Raises
    WeightsMissing when they cannot be read and WeightsRefused when they are not what they say.
    """
    if urlsplit(str(place)).scheme != "s3":
        folder = Path(place)
        prefetch(folder, told=told)
        return folder
    # By name: what wires S3 lies above the core's public surface, and loads boto3.
    wiring: _Wiring = importlib.import_module("pilotlight.bootstrap.weights")
    links = wiring.store().links(str(place))
    folder = (cache or wiring.cache()) / quote(str(place).rstrip("/"), safe="")
    if fetch(links, folder, told=told):
        return folder
    try:
        prefetch(folder, told=told)
    except WeightsRefused:  # spoilt on this machine's disk: what is in S3 may be sound
        shutil.rmtree(folder)
        fetch(links, folder, told=told)
    return folder


def prefetch(folder: Path, *, told: Told | None = None, threads: int | None = None) -> int:
    """Bring every safetensors file below the folder into the page cache; how many bytes were read.

    What is there already is not read again, unless there are checksums to compare. Raises
    WeightsMissing without any such file, WeightsRefused for a wrong one.
    """
    paths = sorted(folder.rglob(f"*{SUFFIX}"))
    if not paths:
        raise WeightsMissing(f"no safetensors weights in {folder}")
    digests = weights_digest.digests_in(folder)
    wanted = []
    for path in paths:
        name = path.relative_to(folder).as_posix()
        check(path, name)
        wanted.append(_local(path, digests.get(name), name))
    return weights_reader.read(wanted, threads=threads or file_threads(), told=told)


def check(path: Path, name: str) -> None:
    """Raises WeightsRefused for a header that cannot be."""
    with path.open("rb") as file:

        def read(offset: int, length: int) -> bytes:
            file.seek(offset)
            return file.read(length)

        read_header(read, size=path.stat().st_size, name=name)


def _local(path: Path, digests: weights_digest.Digests | None, name: str) -> Wanted:
    source = FileSource(path)
    if digests is not None and digests.size != source.size:
        raise WeightsRefused(f"{name} has {source.size} bytes, its checksums are of {digests.size}")
    blocks = every_block(source.size)
    wanted = Wanted(source, blocks, digests=digests)
    if digests is None:
        there = cached_blocks(path, source.size, BLOCK)
        wanted.blocks = [number for number in blocks if number not in there]
    return wanted


def fetch(
    links: Iterable[Link], folder: Path, *, told: Told | None = None, threads: int | None = None
) -> int:
    """Copy what the links lead to into the folder; how many bytes came over the wire.

    What an earlier call brought is kept, whole files and blocks of unfinished ones. Raises as
    :func:`bring` does.
    """
    here = [link for link in links if PurePosixPath(link.name).suffix not in _PICKLES]
    if not any(link.name.endswith(SUFFIX) for link in here):
        raise WeightsMissing("no safetensors among the weights")
    for link in here:
        _safe(link.name)
    folder.mkdir(parents=True, exist_ok=True)
    first = [link for link in here if link.name == weights_digest.FILE]
    read = _fetch(first, folder, {}, threads=1) if first else 0
    digests = weights_digest.digests_in(folder) if first else {}
    rest = [link for link in here if link.name != weights_digest.FILE]
    return read + _fetch(rest, folder, digests, threads=threads or http_threads(), told=told)


def _fetch(
    links: list[Link],
    folder: Path,
    digests: dict[str, weights_digest.Digests],
    *,
    threads: int,
    told: Told | None = None,
) -> int:
    copies = [Copy(link, folder / link.name, digests.get(link.name)) for link in links]
    try:
        missing = [copy for copy in copies if not copy.is_there()]
        wanted = [copy.wanted(_source(copy.link)) for copy in missing]
        count = weights_reader.read(wanted, threads=threads, told=told)
        for copy in missing:
            if copy.link.name.endswith(SUFFIX):
                check(copy.part, copy.link.name)
            copy.finish()
    finally:
        for copy in copies:
            copy.close()
    return count


def _source(link: Link) -> HttpSource:
    return HttpSource(link.url, name=link.name, size=link.size, etag=link.etag)


def _safe(name: str) -> None:
    """Whoever fills a bucket does not say where files go on this machine."""
    parts = PurePosixPath(name).parts
    if name.startswith("/") or "\\" in name or "\0" in name or ".." in parts or not parts:
        raise WeightsRefused(f"{name!r} leads out of the folder of its weights")
