"""LTX-2 distilled: films with sound in eight steps, from a sentence or a picture."""

from __future__ import annotations

from typing import ClassVar, Final

from workers.engines.diffusers.contracts import spec, task
from workers.engines.diffusers.declared import Diffused, Way
from workers.engines.diffusers.films import Filming

NAME: Final = "ltx2-distilled"
MODEL: Final = Diffused(
    repo="diffusers/LTX-2.3-Distilled-Diffusers",
    revision="432e0d3c2d1769aaa4d295f9243f7062bf6b47ee",  # as public projects that load it pin it
    licence="LTX-2 Community",
    pipeline="LTX2Pipeline",
    gpu_memory_gib=78,
    timeout_s=1800,
)
# The schedule it was distilled for, and no guidance of any kind: DISTILLED_SIGMA_VALUES in
# diffusers.pipelines.ltx2.utils, after https://github.com/Lightricks/LTX-2.
_MORE: Final = {
    "sigmas": [1.0, 0.99375, 0.9875, 0.98125, 0.975, 0.909375, 0.725, 0.421875],
    "stg_scale": 0.0,
    "modality_scale": 1.0,
    "guidance_rescale": 0.0,
    "audio_guidance_scale": 1.0,
    "audio_stg_scale": 0.0,
    "audio_modality_scale": 1.0,
    "audio_guidance_rescale": 0.0,
}
SHOOT: Final = Way(
    pipeline="LTX2Pipeline", steps=8, guidance=1.0, size=(768, 512), multiple=32, rate=24,
    rate_as="frame_rate", frames=121, frames_step=8, most_frames=257, more=_MORE,
)  # fmt: skip
ANIMATE: Final = Way(
    pipeline="LTX2ImageToVideoPipeline", steps=8, guidance=1.0, size=(768, 512), multiple=32,
    rate=24, rate_as="frame_rate", frames=121, frames_step=8, most_frames=257, image_as="image",
    more=_MORE,
)  # fmt: skip
SERVES: Final = (
    task(NAME, "fal/text-to-video", SHOOT, about="LTX-2.3 distilled, with sound."),
    task(f"{NAME}-image", "fal/image-to-video", ANIMATE, about="LTX-2.3 distilled, with sound."),
)


class Ltx2Distilled(Filming):
    model: ClassVar = MODEL
    serves: ClassVar = SERVES
    spec: ClassVar = spec(NAME, MODEL, SERVES)


WORKER = Ltx2Distilled
