"""Every row of a store against the invariants, and against what lies beside the rows."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pilotlight.contracts.artifact import ARTIFACTS
from pilotlight.contracts.invariants import Breach, breaches, overdue
from pilotlight.contracts.job import Job, JobStatus
from pilotlight.errors import UnknownFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pilotlight.bootstrap.ingress import Services
    from pilotlight.contracts.artifact import Artifact
    from pilotlight.ports.blobs import Blobs

_CHUNK: Final = 1024 * 1024
_SILENT_S: Final = 300.0
"""A replica that lives says so far more often."""


@dataclass(slots=True)
class Found:
    """``breaches`` must never be; ``overdue`` must not be while something runs."""

    rows: int = 0
    breaches: list[Breach] = field(default_factory=list)
    overdue: list[Breach] = field(default_factory=list)


def walk(services: Services, *, contents: bool = False) -> Found:
    """Reads only. A row that moves on meanwhile is read again before anything is said of it.

    ``contents``: read every result's bytes, not only what is recorded of them.
    """
    found, now = Found(), services.clock.now()
    keys: dict[tuple[str, str], str] = {}
    for job in services.store.every():
        found.rows += 1
        bad = _row(services, job)
        if bad:
            job = services.store.get(job.id) or job  # noqa: PLW2901 - the row as it is now
            bad = _row(services, job)
        found.breaches += bad
        found.breaches += _files(services.blobs, job, now=now, contents=contents)
        found.breaches += _key(job, keys)
        found.overdue += overdue(job, now=now)
    found.overdue += _replicas(services, now)
    return found


def _row(services: Services, job: Job) -> list[Breach]:
    return breaches(job, services.store.attempts_of(job.id))


def _key(job: Job, keys: dict[tuple[str, str], str]) -> Iterator[Breach]:
    """I7: one job for one idempotency key of a caller."""
    if job.idempotency_key is None:
        return
    first = keys.setdefault((job.caller, job.idempotency_key), job.id)
    if first != job.id:
        yield Breach("I7", job.id, f"has the idempotency key of {first}")


def _files(blobs: Blobs, job: Job, *, now: float, contents: bool) -> Iterator[Breach]:
    """I3: what a success lists is there, byte for byte, for as long as it is kept."""
    if job.status is not JobStatus.SUCCEEDED or job.artifacts == "[]" or job.ended_at is None:
        return
    if job.artifact_ttl_s is not None and job.ended_at + job.artifact_ttl_s <= now:
        return
    for artifact in ARTIFACTS.validate_json(job.artifacts):
        what = _amiss(blobs, artifact, contents=contents)
        if what:
            yield Breach("I3", job.id, f"{artifact.key}: {what}")


def _amiss(blobs: Blobs, artifact: Artifact, *, contents: bool) -> str | None:
    try:
        info = blobs.info(artifact.key)
        if (info.size, info.sha256) != (artifact.size, artifact.sha256):
            return "is another file than the row says"
        if contents and _digest(blobs, artifact.key) != artifact.sha256:
            return "its bytes are not what was stored"
    except UnknownFile:
        return "is not there"
    return None


def _digest(blobs: Blobs, key: str) -> str:
    digest = hashlib.sha256()
    with blobs.open(key) as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _replicas(services: Services, now: float) -> Iterator[Breach]:
    for replica in services.fleet.replicas():
        if replica.ended_at is not None or replica.stage == "failed":
            continue
        heard_at = replica.seen_at or replica.loading_at or replica.asked_at
        worker = services.catalogue.workers.get(replica.worker)
        patience_s = _SILENT_S + (worker.spec.load_timeout_s if worker is not None else 0)
        if heard_at + (_SILENT_S if replica.ready_at else patience_s) < now:
            silence = f"{replica.stage}, and silent for {now - heard_at:.0f} s"
            yield Breach("I5", replica.id, f"a replica of {replica.worker}: {silence}")
