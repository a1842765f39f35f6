"""After the storm, offline: every row against what its caller was told, every file against its row.

Invariants of reliability section 2.7; a finding names the job and what is wrong with it.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pilotlight.adapters.local.blobs import FolderBlobs
from pilotlight.adapters.local.clock import SystemClock
from pilotlight.contracts.artifact import ARTIFACTS
from pilotlight.contracts.job import TERMINAL
from pilotlight.contracts.webhook import announcement_id
from tests.chaos.gusts._contract import content

if TYPE_CHECKING:
    from pathlib import Path

    from tests.chaos.callers import Told, Wish
    from tests.chaos.flaky import Post
    from tests.chaos.rows import Rows

_COLUMNS: Final = (
    "id, endpoint, status, fence, attempts, max_attempts, losses, max_losses, created_at, "
    "ended_at, output, artifacts, error, webhook, webhook_state, idempotency_key"
)
_FINAL: Final = {"T6", "T8", "T11", "T12", "T14"}
"""Outcomes of an attempt that end its job."""
_FAIR: Final = {"lease_lost_too_often", "replica_failure"}
"""What a job may die of when its replicas are killed again and again."""


@dataclass
class Findings:
    """Each list holds sentences; all of them empty is the promise kept."""

    lost: list[str] = field(default_factory=list)
    double_completed: list[str] = field(default_factory=list)
    cancelled_then_completed: list[str] = field(default_factory=list)
    webhooks_missing: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def all(self) -> list[str]:
        return [
            *self.lost,
            *self.double_completed,
            *self.cancelled_then_completed,
            *self.webhooks_missing,
            *self.other,
        ]


class Audit:
    """``posts`` are those that the receiver got, by request id."""

    def __init__(self, rows: Rows, told: Told, posts: dict[str, list[Post]]) -> None:
        self._told, self._posts = told, posts
        names = _COLUMNS.split(", ")
        self._jobs = {
            values[0]: dict(zip(names, values, strict=True))
            for values in rows(f"SELECT {_COLUMNS} FROM job")
        }
        self._attempts = defaultdict[str, list[tuple[Any, ...]]](list)
        for job_id, *attempt in rows(
            "SELECT job_id, fence, outcome, started_at, ended_at FROM attempt ORDER BY seq"
        ):
            self._attempts[job_id].append(tuple(attempt))
        self._blobs = FolderBlobs(rows.data / "files", secret=b"-" * 32, clock=SystemClock())
        self._intact = rows.one("PRAGMA integrity_check")
        self.found = Findings()

    def __call__(self) -> Findings:
        found = self.found
        if self._intact != "ok":
            found.other.append(f"the database is not intact: {self._intact}")
        found.other += self._told.surprises
        for job_id, wanted in self._told.acknowledged.items():
            self._acknowledged(job_id, wanted)
        for key, ids in self._told.ids_by_key.items():
            if len(ids) != 1:
                found.other.append(f"{key} became {len(ids)} jobs: {sorted(ids)}")
        keys = Counter(job["idempotency_key"] for job in self._jobs.values())
        found.other += [f"{k} has {n} rows" for k, n in keys.items() if k is not None and n > 1]
        for job in self._jobs.values():
            self._row(job)
            self._webhook(job)
        self._facts()
        return found

    def _acknowledged(self, job_id: str, wanted: Wish) -> None:
        job = self._jobs.get(job_id)
        if job is None:
            self.found.lost.append(f"{job_id} was acknowledged and has no row")
            return
        if job["status"] == "succeeded":
            self._result(job, wanted)
        if job["status"] == "failed" and json.loads(job["error"])["code"] not in _FAIR:
            self.found.lost.append(f"{job_id} failed for no good reason: {job['error']}")
        if job["status"] == "expired":
            self.found.lost.append(f"{job_id} expired")
        if job_id in self._told.results and job["status"] != "succeeded":
            self.found.other.append(f"{job_id} was read and is {job['status']} now")

    def _result(self, job: dict[str, Any], wanted: Wish) -> None:
        output = json.loads(job["output"])
        if output["text"] != wanted.text:
            self.found.other.append(f"{job['id']} has another job's output")
        read = self._told.results.get(job["id"])
        if read is not None and read["text"] != output["text"]:
            self.found.other.append(f"{job['id']}: its caller read something else")
        artifacts = ARTIFACTS.validate_json(job["artifacts"])
        if len(artifacts) != bool(wanted.file_bytes):
            self.found.other.append(f"{job['id']} has {len(artifacts)} files")
        for artifact in artifacts:
            with self._blobs.open(artifact.key) as file:
                digest = hashlib.sha256(file.read()).hexdigest()
            right = hashlib.sha256(content(wanted.text, wanted.file_bytes)).hexdigest()
            winner = self._attempts[job["id"]][-1][0]
            if not digest == artifact.sha256 == right:
                self.found.other.append(f"{artifact.key} is not the file that was made")
            if f"/{winner}/" not in artifact.key:
                self.found.other.append(f"{artifact.key} is not of attempt {winner}")

    def _row(self, job: dict[str, Any]) -> None:
        job_id, attempts = job["id"], self._attempts[job["id"]]
        if job["status"] not in TERMINAL:
            self.found.lost.append(f"{job_id} is still {job['status']}")
        outcomes = [outcome for _fence, outcome, _start, _end in attempts]
        ends = [outcome for outcome in outcomes if outcome in _FINAL]
        if len(ends) > 1 or (ends and outcomes[-1] not in _FINAL):
            self.found.double_completed.append(f"{job_id} ended more than once: {outcomes}")
        if (job["status"] == "succeeded") != (outcomes[-1:] == ["T6"]):
            self.found.other.append(f"{job_id} is {job['status']} after {outcomes}")
        told_so = job_id in self._told.cancelled
        if (told_so and job["status"] != "cancelled") or (
            job["status"] == "cancelled" and "T6" in outcomes
        ):
            self.found.cancelled_then_completed.append(f"{job_id}: {job['status']} {outcomes}")
        fences = [fence for fence, *_ in attempts]
        if fences != sorted(set(fences)) or (fences and fences[-1] > job["fence"]):
            self.found.other.append(f"{job_id}: fences do not rise: {fences}, {job['fence']}")
        if job["attempts"] > job["max_attempts"] or job["losses"] > job["max_losses"]:
            self.found.other.append(f"{job_id} was tried too often: {outcomes}")
        if outcomes.count("T7") + outcomes.count("T6") + outcomes.count("T8") > 4:
            self.found.other.append(f"{job_id} had more than four attempts: {outcomes}")

    def _webhook(self, job: dict[str, Any]) -> None:
        if not job["webhook"] or job["status"] not in TERMINAL:
            return
        posts, job_id = self._posts.get(job["id"], []), job["id"]
        if not any(post.heard for post in posts):
            words = f"{job_id} ({job['status']}, {job['webhook_state']}) was never announced"
            self.found.webhooks_missing.append(words)
        right = announcement_id(job_id, job["status"])
        for post in posts:
            if post.webhook_id != right:
                self.found.double_completed.append(f"{job_id} was announced as {post.webhook_id}")
            if post.at < job["ended_at"]:
                self.found.other.append(f"{job_id} was announced before its end")
            if (post.body["status"] == "OK") != (job["status"] == "succeeded"):
                self.found.other.append(f"{job_id}: its announcement says {post.body['status']}")

    def _facts(self) -> None:
        rows = self._jobs.values()
        runs = [len(self._attempts[job["id"]]) for job in rows if job["status"] == "succeeded"]
        heard = [sum(post.heard for post in posts) for posts in self._posts.values()]
        self.found.facts = {
            "rows": len(self._jobs),
            "statuses": dict(sorted(Counter(job["status"] for job in rows).items())),
            "attempts_mean": round(sum(runs) / max(1, len(runs)), 3),
            "attempts_most": max(runs, default=0),
            "webhooks_heard": sum(heard),
            "webhook_duplicates": sum(heard) - len([count for count in heard if count]),
            "outcomes": dict(
                sorted(Counter(o for a in self._attempts.values() for _, o, *_ in a).items())
            ),
        }


def leavings(data: Path) -> list[str]:
    """What a product that was stopped should not have left behind."""
    scratch = data / "scratch"
    left = sorted(path.name for path in scratch.iterdir()) if scratch.is_dir() else []
    return [f"scratch of {name} is still there" for name in left]


def drafts(data: Path) -> int:
    """Files whose writers were killed in the middle: upkeep sweeps them after a day."""
    return len(list((data / "files" / "drafts").iterdir()))


def orphans(rows: Rows) -> int:
    """Stored files that no row names: of attempts that died between storing and settling."""
    named = {
        artifact.key
        for (artifacts,) in rows("SELECT artifacts FROM job WHERE artifacts != '[]'")
        for artifact in ARTIFACTS.validate_json(artifacts)
    }
    cards = (rows.data / "files" / "objects").glob("*/*.json")
    return sum(json.loads(card.read_bytes())["key"] not in named for card in cards)
