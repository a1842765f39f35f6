"""Finds eighty kinds of things in pictures: SSD MobileNet v2 (Apache-2.0) through OpenCV.

Speaks the contract of ``fal-ai/moondream3-preview/detect``, so that a route may put it there.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pydantic import BaseModel, Field

from pilotlight import (
    Context,
    Endpoint,
    Image,
    ImageUrl,
    InvalidInput,
    Problem,
    Worker,
    WorkerSpec,
    stage,
)
from pilotlight.contracts.endpoints.moondream import Box, UsageInfo
from workers.engines.media import pictures
from workers.engines.media.previews import preview
from workers.engines.sight.coco import KINDS, kinds_in
from workers.engines.sight.shapes import Pointed, Spot, Told
from workers.engines.weights.carried import weights

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

SIDE: Final = 300
"""Pixels, wide and high, that the model looks at."""
POINT: Final = "pilotlight/point"
SURE: Final = 0.4
"""Least confidence of a finding."""


class Input(BaseModel):
    image_url: ImageUrl
    prompt: str = Field(
        min_length=1, max_length=500, description="What to find.", examples=["clocks", "a cat"]
    )
    preview: bool = Field(default=False, description="Also return the picture with boxes on it.")


class Thing(Box):
    label: str
    score: float = Field(description="How sure, 0 to 1.")


class Output(Told):
    objects: list[Thing]
    image: Image | None = None


class Detector(Worker[Input, Output | Pointed]):
    spec: ClassVar = WorkerSpec(
        name="detect",
        endpoints=(
            Endpoint(
                id="pilotlight/detect",
                task="fal/vision",
                input=Input,
                output=Output,
                description="Where people, animals, vehicles and household things are, as boxes.",
            ),
            Endpoint(
                id=POINT,
                task="fal/vision",
                input=Input,
                output=Pointed,
                description="What pilotlight/detect finds, as the middle of each thing.",
            ),
        ),
        gpu_memory_gib=0,
        timeout_s=120,
    )

    def load(self) -> None:
        folder = weights("ssd-mobilenet")
        with stage("imports"):
            import cv2
        with stage("weights"):
            self.net: Any = cv2.dnn.readNetFromTensorflow(
                str(folder / "frozen_inference_graph.pb"),
                str(folder / "ssd_mobilenet_v2_coco_2018_03_29.pbtxt"),
            )

    def run(self, job_input: Input, context: Context) -> Output | Pointed:
        """Raises InvalidInput for a prompt that names none of the kinds it knows."""
        wanted = kinds_in(job_input.prompt)
        if not wanted:
            some = ", ".join(list(KINDS.values())[:12])
            words = f"none of the {len(KINDS)} kinds this model knows is named, such as {some}"
            raise InvalidInput(words, Problem(("body", "prompt"), words, "value_error"))
        source = context.input_file(job_input.image_url)
        picture = pictures.picture(source, "image_url", mode="RGB")
        began = time.perf_counter()
        found = [thing for thing in self._things(picture) if thing.label in wanted]
        usage = _usage(time.perf_counter() - began)
        if context.endpoint == POINT:
            spots = [((one.x_min + one.x_max) / 2, (one.y_min + one.y_max) / 2) for one in found]
            return Pointed(
                usage_info=usage,
                points=[Spot(x=x, y=y) for x, y in spots],
                image=preview(picture, context, spots=spots) if job_input.preview else None,
            )
        return Output(
            usage_info=usage,
            objects=found,
            image=_preview(picture, found, context) if job_input.preview else None,
        )

    def _things(self, picture: Picture) -> list[Thing]:
        """The surest first; edges as shares of the sides."""
        import cv2
        import numpy as np

        self.net.setInput(cv2.dnn.blobFromImage(np.asarray(picture), size=(SIDE, SIDE)))
        things = [
            Thing(
                label=KINDS[int(kind)],
                score=round(float(score), 4),
                **dict(zip(("x_min", "y_min", "x_max", "y_max"), map(_share, edges), strict=True)),
            )
            for _, kind, score, *edges in self.net.forward()[0, 0]
            if score >= SURE and int(kind) in KINDS
        ]
        return sorted(things, key=lambda thing: -thing.score)


def _usage(took_s: float) -> UsageInfo:
    """This model has no tokens: all it does comes before the first one would."""
    took_ms = round(1000 * took_s, 3)
    return UsageInfo(
        input_tokens=0, output_tokens=0, prefill_time_ms=took_ms, decode_time_ms=0, ttft_ms=took_ms
    )


def _share(edge: float) -> float:
    return round(min(1.0, max(0.0, float(edge))), 5)


def _preview(picture: Picture, found: list[Thing], context: Context) -> Image:
    boxes = [((thing.x_min, thing.y_min, thing.x_max, thing.y_max), thing.label) for thing in found]
    return preview(picture, context, boxes=boxes)


WORKER = Detector
