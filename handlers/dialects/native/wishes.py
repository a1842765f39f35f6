"""What ``/api`` takes. Times are RFC 3339 in UTC, lengths are seconds."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from handlers.envelope import TagFields

Seconds = Annotated[float, Field(gt=0, le=366 * 24 * 3600, allow_inf_nan=False)]


class Asked(BaseModel):
    """A body: a field that we do not know is a mistake, not a wish to ignore."""

    model_config = ConfigDict(extra="forbid")


class JobWish(Asked):
    endpoint: str = Field(min_length=1, description="As `/api/endpoints` lists it.")
    input: dict[str, Any] = Field(default={}, description="What the endpoint takes.")
    webhook: str | None = Field(default=None, description="Where to post the job when it ends.")
    priority: Literal["normal", "low"] = "normal"
    idempotency_key: str | None = Field(
        default=None,
        description="The same key with the same body gives the first job back. "
        "The header Idempotency-Key says the same.",
    )
    start_timeout_s: Seconds | None = Field(
        default=None, description="A job that has not started by then expires."
    )
    run_timeout_s: Seconds | None = Field(
        default=None, description="Longest run of an attempt, where the worker allows more."
    )
    artifact_ttl_s: Seconds | None = Field(
        default=None, description="How long output files are kept; else as long as the job."
    )
    keep_s: Seconds | None = Field(
        default=None, description="How long the job is remembered after its end."
    )
    max_queue: int | None = Field(
        default=None, ge=0, description="Refuse when more jobs than this wait already."
    )
    may_retry: bool = Field(default=True, description="False: one attempt and no more.")
    stream: bool = Field(default=False, description="Partial outputs are wanted as events.")
    tags: TagFields = []


class UploadWish(Asked):
    name: str = Field(default="upload.bin", min_length=1, max_length=255)
    content_type: str = Field(default="application/octet-stream", max_length=255)
    expires_in_s: Seconds | None = Field(default=None, description="How long the file is kept.")


class ReplayWish(Asked):
    job_ids: list[str] | None = Field(default=None, max_length=1000)
    since: AwareDatetime | None = Field(
        default=None, description="All jobs that ended then or later."
    )


class KeyWish(Asked):
    name: str = Field(default="", max_length=200)
    scopes: list[str] | None = Field(
        default=None, description="None of them may be lacking in your own key."
    )
    expires_in_s: Seconds | None = Field(
        default=90 * 24 * 3600.0, description="Null: it never ends."
    )


class RotateWish(Asked):
    overlap_s: Annotated[float, Field(ge=0, le=366 * 24 * 3600, allow_inf_nan=False)] = 24 * 3600.0
    expires_in_s: Seconds | None = 90 * 24 * 3600.0
