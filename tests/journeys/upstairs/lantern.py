"""Stands in for a closed model: it does what the words of its prompt say.

``GATE=/path`` waits for that file, ``BEGAN=/path`` makes one, ``FAIL=word`` fails.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from pilotlight import (
    Context,
    Endpoint,
    Image,
    ImageUrl,
    InvalidInput,
    Problem,
    Route,
    Worker,
    WorkerError,
    WorkerSpec,
)

PIXELS = b"\x89PNG\r\n\x1a\n" + bytes(600)
DRAWS = "fal-ai/flux-pro/kontext/text-to-image"
EDITS = "fal-ai/flux-pro/kontext/max"


class Input(BaseModel):
    model_config = ConfigDict(extra="allow")

    prompt: str
    image_url: ImageUrl | None = None


class Output(BaseModel):
    images: list[Image]
    prompt: str


class Upset(WorkerError):
    code = "runner_upset"
    http_status = 500


class Lantern(Worker[Input, Output]):
    spec: ClassVar = WorkerSpec(
        name="lantern",
        endpoints=(Endpoint(id="upstairs/lantern", task="x/y", input=Input, output=Output),),
        routes=(Route(endpoint=DRAWS), Route(endpoint=EDITS)),
        gpu_memory_gib=0,
        timeout_s=600,
        jobs_per_replica=8,
        keep_alive_s=600,
    )

    def run(self, job_input: Input, context: Context) -> Output:
        words = dict(word.split("=", 1) for word in job_input.prompt.split() if "=" in word)
        context.log(f"lighting {job_input.prompt.split()[0]}")
        if "BEGAN" in words:
            Path(words["BEGAN"]).touch()
        while "GATE" in words and not Path(words["GATE"]).exists():
            context.progress(0.5, "waiting")
            threading.Event().wait(0.02)
        if words.get("FAIL") == "prompt":
            problem = Problem(("body", "prompt"), "no such light", "content_policy_violation")
            raise InvalidInput("no such light", problem)
        if words.get("FAIL") == "model":
            raise Upset("the lantern fell over")
        path = context.folder / "light.png"
        given = b"" if job_input.image_url is None else self._given(job_input.image_url, context)
        path.write_bytes(PIXELS + given)
        return Output(images=[Image.at(path, width=8, height=8)], prompt=job_input.prompt)

    def _given(self, url: str, context: Context) -> bytes:
        return context.input_file(url).read_bytes()


WORKER = Lantern
