"""What ``/api`` gives. Times are RFC 3339 in UTC, lengths are seconds.

For the document alone: answers are written by :mod:`.words` and its like, and no start should
have to make thirty models that nobody has asked for.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from handlers.envelope import TagField
from pilotlight.contracts.job import JobStatus


class Error(BaseModel):
    code: str
    message: str
    field: str | None = Field(description="What is wrong first, such as `input.prompt`.")
    problems: list[FieldProblem] = []


class FieldProblem(BaseModel):
    field: str
    message: str
    type: str


class Refusal(BaseModel):
    error: Error


class ColdStart(BaseModel):
    stage: str
    step: str | None = None
    fraction: float | None = None
    eta_s: float | None = Field(description="Until a replica should be ready.")
    error: str | None = Field(default=None, description="Why the last start failed.")


class Progress(BaseModel):
    stage: str = Field(description="The status, or `cold_start` while the job waits for a replica.")
    fraction: float = Field(description="0 to 1, as its model says.")
    position: int | None = Field(description="Jobs before it; null when it does not wait.")
    cold_start: ColdStart | None = None
    eta_s: float | None = Field(description="Until its end; null when nobody can say.")


class Attempt(BaseModel):
    fence: int
    replica: str | None
    started_at: datetime | None
    ended_at: datetime
    outcome: str
    error: Error | None


class Artifact(BaseModel):
    url: str
    file_name: str
    content_type: str
    size: int
    sha256: str
    width: int | None
    height: int | None


class Delivery(BaseModel):
    """A job's webhook, and what became of it."""

    job_id: str
    url: str
    state: str = Field(
        description="`not yet`, `due`, `will be retried`, `delivered`, `given up` or `disabled`."
    )
    tries: int
    due_at: datetime | None
    ended_at: datetime | None


class Job(BaseModel):
    id: str
    endpoint: str
    worker: str
    origin: str = Field(description="The dialect or event source that took it in.")
    status: JobStatus
    priority: Literal["normal", "low"]
    tags: list[TagField]
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    attempt: int = Field(description="Attempts so far that were the model's own.")
    error: Error | None
    retry_of: str | None = Field(description="The job that it repeats.")
    url: str


class WholeJob(Job):
    progress: Progress | None = Field(description="Null when it has ended.")
    output: Any = None
    artifacts: list[Artifact]
    attempts: list[Attempt] = Field(description="Those that ended, oldest first.")
    webhook: Delivery | None


class Jobs(BaseModel):
    jobs: list[Job]
    next_cursor: str | None = Field(
        description="For the next page; null on the last one. A page may be empty and not the last."
    )


class RouteOf(BaseModel):
    by: str = Field(description="`settings` or `worker`.")
    target: str
    rename: dict[str, str]
    fixed: dict[str, Any]


class Example(BaseModel):
    input: dict[str, Any]
    curl: str
    command: str


class Endpoint(BaseModel):
    id: str
    task: str
    state: Literal["local", "relayed", "unrouted"]
    worker: str | None
    route: RouteOf | None
    dialects: list[str]
    streams: bool
    advice: str | None = Field(description="How to have an unrouted one served.")
    example: Example | None
    url: str


class WholeEndpoint(Endpoint):
    description: str
    gpu_memory_gib: float | None
    upstream: str | None
    input: dict[str, Any] = Field(description="JSON Schema.")
    output: dict[str, Any] = Field(description="JSON Schema.")


class Endpoints(BaseModel):
    endpoints: list[Endpoint]


class FileLink(BaseModel):
    """A file of one's own; ``url`` needs no key and can be an input."""

    id: str
    name: str
    content_type: str
    size: int
    sha256: str
    created_at: datetime
    expires_at: datetime | None
    url: str
    url_expires_at: datetime | None


class Files(BaseModel):
    files: list[FileLink]
    next_cursor: str | None


class Upload(BaseModel):
    upload_url: str = Field(description="PUT the bytes there; no key is asked for.")
    upload_expires_at: datetime
    url: str = Field(description="The file's own, for inputs, once it is uploaded.")


class Deliveries(BaseModel):
    deliveries: list[Delivery]
    next_cursor: str | None


class Replayed(BaseModel):
    job_ids: list[str]


class Key(BaseModel):
    id: str
    name: str
    scopes: list[str]
    state: Literal["live", "expired", "revoked"]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class NewKey(Key):
    key: str = Field(description="The key itself, this once: only a hash of it is kept.")


class Keys(BaseModel):
    keys: list[Key]
