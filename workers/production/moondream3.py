"""Looks at pictures: Moondream 3, 9 billion weights of which 2 work at a time.

Finding boxes and points needs the model's own decoder, which vLLM does not have; so all four
skills run through transformers, one job at a time.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final, Literal

from pydantic import BaseModel, Field

from pilotlight import Context, Endpoint, Worker, WorkerSpec
from pilotlight.contracts import endpoints as public
from pilotlight.contracts.endpoints.moondream import Box, Detect, Found, Picture
from workers.engines.media import pictures
from workers.engines.media.previews import preview
from workers.engines.sight.moondream import Look, Moondream
from workers.engines.sight.shapes import Pointed, Spot, Told

NAME: Final = "moondream3-preview"
REPO: Final = "moondream/moondream3-preview"
LICENCE: Final = "BSL 1.1, no service to third parties"
QUANTISATION: Final = "bf16"
REVISION: Final = "793ccb6c061dcfc32d40f34dc2b79c538ddfeef9"
"""As its page of commits shows it; its code has not been read or run here."""
LOADED: Final = {"revision": REVISION, "device_map": {"": "cuda"}}


class Dials(BaseModel):
    temperature: float = Field(default=0.5, ge=0, le=2)
    top_p: float = Field(default=0.9, gt=0, le=1)
    max_tokens: int = Field(default=768, ge=1, le=8192)


class Point(Detect):
    """Find the middle of each thing of a kind."""


class Caption(Dials):
    """Say what a picture shows."""

    image_url: Picture
    length: Literal["short", "normal", "long"] = "normal"


class Query(Dials):
    """Answer a question about a picture."""

    image_url: Picture
    prompt: str = Field(min_length=1, description="The question.")
    reasoning: bool = Field(default=True, description="Think before answering.")


class Said(Told):
    output: str


class Moondream3(Worker[Any, Any]):
    spec: ClassVar = WorkerSpec(
        name=NAME,
        endpoints=(
            public.contract("fal-ai/moondream3-preview/detect"),
            *(
                Endpoint(
                    id=f"{NAME}/{skill}",
                    task="fal/vision",
                    input=takes,
                    output=gives,
                    description=f"{REPO} ({LICENCE}).",
                )
                for skill, takes, gives in (
                    ("point", Point, Pointed),
                    ("caption", Caption, Said),
                    ("query", Query, Said),
                )
            ),
        ),
        gpu_memory_gib=24,
        timeout_s=300,
        load_timeout_s=1800,
        keep_alive_s=300,
        weights={REPO: REVISION},
    )

    def load(self) -> None:
        self.model = Moondream(REPO, **LOADED)

    def run(self, job_input: Detect | Caption | Query, context: Context) -> BaseModel:
        source = context.input_file(job_input.image_url)
        picture = pictures.picture(source, "image_url", mode="RGB")
        look = self.model.look(picture)
        if isinstance(job_input, Point):
            return _pointed(look, job_input, picture, context)
        if isinstance(job_input, Detect):
            return _found(look, job_input, picture, context)
        return _said(look, job_input)


def _found(look: Look, asked: Detect, picture: Any, context: Context) -> Found:
    boxes = [Box(**box) for box in look.boxes(asked.prompt)]
    drawn = [((box.x_min, box.y_min, box.x_max, box.y_max), asked.prompt) for box in boxes]
    image = preview(picture, context, boxes=drawn) if asked.preview else None
    told = {"finish_reason": "stop", "usage_info": look.usage, "objects": boxes, "image": image}
    return Found.model_validate(told)


def _pointed(look: Look, asked: Point, picture: Any, context: Context) -> Pointed:
    points = [Spot(**point) for point in look.points(asked.prompt)]
    spots = [(point.x, point.y) for point in points]
    return Pointed(
        usage_info=look.usage,
        points=points,
        image=preview(picture, context, spots=spots) if asked.preview else None,
    )


def _said(look: Look, asked: Caption | Query) -> Said:
    settings = asked.model_dump(include=set(Dials.model_fields))
    if isinstance(asked, Caption):
        output = look.caption(asked.length, settings)
    else:
        output = look.answer(asked.prompt, reasoning=asked.reasoning, settings=settings)
    return Said(usage_info=look.usage, output=output)


WORKER = Moondream3
