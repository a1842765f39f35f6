"""Makes lists, and takes what may be anything."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from pilotlight import Endpoint, Worker, WorkerSpec


class Ask(BaseModel):
    topic: str = Field(max_length=20)
    count: int = Field(default=3, ge=1, le=5)


class Ideas(BaseModel):
    ideas: list[str]
    scores: dict[str, float] = {}
    more: Any = None


class Join(BaseModel):
    texts: list[str] = Field(min_length=1)
    weight: float = 1.0
    first: str | None = None


class Joined(BaseModel):
    text: str


class Loose(BaseModel):
    model_config = ConfigDict(extra="allow")


class Lists(Worker):
    spec: ClassVar = WorkerSpec(
        name="lists",
        endpoints=(
            Endpoint(id="acme/ideas", task="acme/ideas", input=Ask, output=Ideas),
            Endpoint(id="acme/join", task="acme/join", input=Join, output=Joined),
            Endpoint(id="acme/loose", task="acme/loose", input=Loose, output=Loose),
        ),
        gpu_memory_gib=0,
    )

    def run(self, job_input, context):
        raise NotImplementedError("hands do it")


WORKER = Lists
