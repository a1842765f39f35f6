"""What ``pilotlight doctor`` looks at: each check says what is wrong and what to do about it."""

from __future__ import annotations

import importlib.util
import os
import resource
import shutil
import socket
import sys
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from pilotlight.adapters.local import health
from pilotlight.adapters.local.clock import SystemClock
from pilotlight.cli import needs, running
from pilotlight.cli.schemas import local_catalogue
from pilotlight.cli.tables import ago
from pilotlight.errors import PilotlightError
from pilotlight.settings import lacking, ready_upstreams

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pilotlight.catalogue import Catalogue
    from pilotlight.contracts.worker import WorkerSpec
    from pilotlight.settings import Settings

    Check = Callable[[Settings], Iterator["Finding"]]

_EXTRAS: Final = {
    "http": ("starlette", "uvicorn", "httptools", "websockets", "msgpack", "trustme"),
    "aws": ("boto3", "celery", "kombu"),
}
_LITTLE_DISK: Final = 5 * 1024**3
_NO_DISK: Final = 200 * 1024**2
_FEW_FILES: Final = 1024
_BUILT_AT: Final = 1_750_000_000
"""June 2025: a clock that shows less has never been set."""
_AHEAD_S: Final = 2.0
"""Allowed skew, reliability section 2.4."""


class Finding(NamedTuple):
    """``warning``: it works, and might not always."""

    check: str
    state: Literal["ok", "warning", "broken"]
    said: str


def look(settings: Settings) -> list[Finding]:
    """Every check of the settings' mode. Nothing is started and nothing is left behind."""
    checks = (*_EVERYWHERE, *(_LOCAL if settings.mode == "local" else _AWS))
    return [finding for check in checks for finding in check(settings)]


def _told(check: str, trouble: str | None, good: str) -> Finding:
    return Finding(check, "ok", good) if trouble is None else Finding(check, "broken", trouble)


def _python(settings: Settings) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    old = sys.version_info < (3, 11)
    yield _told("python", f"{version} is too old; use 3.11 or newer" if old else None, version)
    for extra in ("http",) if settings.mode == "local" else ("http", "aws"):
        gone = [
            name
            for name in _EXTRAS[extra]
            if name not in sys.modules and importlib.util.find_spec(name) is None
        ]
        advice = f"{', '.join(gone)} missing: pip install 'pilotlight[{extra}]'" if gone else None
        yield _told(f"extra {extra}", advice, "installed")


def _clock(settings: Settings) -> Iterator[Finding]:
    now = SystemClock().now()
    newest = health.newest_row_at(settings.data / "jobs.db") if settings.mode == "local" else None
    trouble = None
    if now < _BUILT_AT:
        trouble = "the machine's clock was never set; let NTP set it"
    elif newest is not None and newest > now + _AHEAD_S:
        trouble = f"the newest job is {newest - now:.0f} s ahead of the clock; let NTP set it"
    yield _told("clock", trouble, "plausible")


def _folder(settings: Settings) -> Iterator[Finding]:
    trouble = health.folder_trouble(settings.data)
    yield _told("data folder", trouble, f"{settings.data.absolute()} can be written")
    if trouble is None:
        yield _disk(settings)


def _disk(settings: Settings) -> Finding:
    nearest = next(
        path
        for path in (settings.data.absolute(), *settings.data.absolute().parents)
        if path.exists()
    )
    free = shutil.disk_usage(nearest).free
    said = f"{free / 1024**3:.1f} GiB are free"
    if free < _NO_DISK:
        return Finding("disk", "broken", f"{said}: make room, or move --data")
    if free < _LITTLE_DISK:
        return Finding("disk", "warning", f"{said}: results will fill it soon")
    return Finding("disk", "ok", said)


def _sqlite(settings: Settings) -> Iterator[Finding]:
    yield _told("sqlite", health.sqlite_trouble(), "new enough")
    database = settings.data / "jobs.db"
    good = "sound" if database.exists() else "not there yet"
    yield _told("job table", health.database_trouble(database), good)


def _paused(settings: Settings) -> Iterator[Finding]:
    """Somebody did it, and may have forgotten."""
    now = SystemClock().now()
    for worker, since in health.paused(settings.data / "jobs.db"):
        advice = f"paused {ago(since, now)}, its jobs wait: pilotlight resume {worker}"
        yield Finding(f"paused {worker}", "warning", advice)


def _ports(settings: Settings) -> Iterator[Finding]:
    ours = running.read(settings.data)
    ingress = settings.ingress
    for port in (ingress.port, ingress.tls_port):
        if port is None:
            continue
        trouble = _port_trouble(ingress.host, port)
        if trouble and ours is not None and running.alive(ours.pid):
            yield Finding(f"port {port}", "ok", f"taken by `pilotlight up`, process {ours.pid}")
        else:
            yield _told(f"port {port}", trouble, "free" if port else "any free one")


def _port_trouble(host: str, port: int) -> str | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)  # Python says more than that
        return f"{host}:{port}: {why}; choose another with --port"
    return None


def _upstreams(settings: Settings) -> Iterator[Finding]:
    """Those with an address of the owner's own should have a key; the others may wait for one."""
    ready = set(ready_upstreams(settings))
    for name in sorted({*ready, *settings.upstreams}):
        wants = None if name in ready else lacking(settings, name)
        yield _told(f"upstream {name}", wants, "its key is set")


def _files(_settings: Settings) -> Iterator[Finding]:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < _FEW_FILES:
        advice = f"{soft} open files at most: raise it with `ulimit -n {_FEW_FILES}`"
        yield Finding("open files", "warning", advice)
    else:
        yield Finding("open files", "ok", str(soft))


def _workers(settings: Settings) -> Iterator[Finding]:
    try:
        found = local_catalogue(settings)
    except PilotlightError as error:
        yield Finding("workers", "broken", str(error))
        return
    if found is None or not found.endpoints:
        where = ", ".join(settings.workers)
        yield Finding("workers", "broken", f"no worker file in {where}; run this beside them")
        return
    count = f"{len(found.workers)} workers, {len(found.endpoints)} endpoints"
    yield Finding("workers", "ok", count)
    yield from _prerequisites(found)
    if importlib.util.find_spec(settings.handlers) is None:
        advice = f"there is no folder `{settings.handlers}` here; run this where it is"
        yield Finding("handlers", "broken", advice)


def _prerequisites(found: Catalogue) -> Iterator[Finding]:
    """A worker that cannot load breaks only itself."""
    gpu = shutil.which("nvidia-smi") is not None
    for name, worker in sorted(found.workers.items()):
        gone = needs.missing(worker.__module__)
        wants = worker.spec.gpu_memory_gib
        if gone:
            advice = f"some of what it does needs {', '.join(gone)}: pip install {' '.join(gone)}?"
            yield Finding(f"worker {name}", "warning", advice)
        elif wants and not gpu:
            advice = f"wants a GPU with {wants:g} GiB and no driver is seen here"
            yield Finding(f"worker {name}", "warning", advice)
        else:
            yield Finding(f"worker {name}", "ok", "has what it imports")
        yield from _pinned(worker.spec)


def _pinned(spec: WorkerSpec) -> Iterator[Finding]:
    """Of models from a hub: what is loaded next month should be what was looked at today."""
    loose = [repo for repo, commit in spec.weights.items() if not commit]
    if loose:
        advice = f"revision not pinned: {', '.join(loose)}; set it in the worker's file"
        yield Finding(f"weights {spec.name}", "warning", advice)
    elif spec.weights:
        yield Finding(f"weights {spec.name}", "ok", "pinned to a commit")


def _aws(settings: Settings) -> Iterator[Finding]:
    aws = settings.aws
    for name in ("jobs_table", "secrets_table", "bucket", "queue_url"):
        empty = not getattr(aws, name)
        variable = f"PILOTLIGHT_AWS__{name.upper()}"
        yield _told(f"aws.{name}", f"is empty; set {variable}" if empty else None, "set")
    trouble = _aws_trouble(settings)
    yield _told("aws answers", trouble, "the job table can be read")
    if trouble is None:
        yield from _queues(settings)


def _queues(settings: Settings) -> Iterator[Finding]:
    """Each worker's pair: its jobs, and what SQS gave up on of them."""
    from pilotlight.adapters.aws import queues
    from pilotlight.adapters.aws.clients import Clients

    found = local_catalogue(settings)
    aws = settings.aws
    clients = Clients(region=aws.region, endpoint_url=aws.endpoint_url, emulated=aws.emulated)
    try:
        for name in sorted(found.workers if found is not None else ()):
            pair = queues.look(clients.sqs(), settings, name)
            if pair.trouble is not None:
                yield Finding(f"queues {name}", "broken", pair.trouble)
            elif pair.dead:
                advice = f"{pair.dead} dead letters wait: is the function on that takes them?"
                yield Finding(f"queues {name}", "warning", advice)
            else:
                yield Finding(f"queues {name}", "ok", f"{pair.waiting} messages, no dead letter")
    finally:
        clients.close()


def _aws_trouble(settings: Settings) -> str | None:
    from pilotlight import bootstrap

    try:
        services = bootstrap.services(settings)
        try:
            services.store.next_due()
        finally:
            services.close()
    except Exception as error:  # noqa: BLE001 - whatever boto3 raises is the finding
        return f"{type(error).__name__}: {error}; check region, credentials and names"
    return None


_EVERYWHERE: Final[tuple[Check, ...]] = (
    _python, _clock, _folder, _files, _workers, _upstreams,
)  # fmt: skip
_LOCAL: Final[tuple[Check, ...]] = (_sqlite, _paused, _ports)
_AWS: Final[tuple[Check, ...]] = (_aws,)
