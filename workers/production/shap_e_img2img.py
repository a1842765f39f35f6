"""Shap-E: a solid with colours from one picture, as a GLB."""

from __future__ import annotations

from typing import ClassVar, Final

from pilotlight import Endpoint, WorkerSpec
from workers.engines.diffusers.declared import Diffused
from workers.engines.solids.contracts import ImageTo3d, Solid
from workers.engines.solids.modelling import Modelling

NAME: Final = "shap-e-img2img"
# Its newest commit has one part as a pickle only. The proposal beside it, by the one who brought the
# model to diffusers, has every part as safetensors of sixteen bits (refs/pr/8, as its page shows it).
# They are worked with in 32: sixteen are too few to say where on the grid a point lies.
MODEL: Final = Diffused(
    repo="openai/shap-e-img2img",
    revision="167ea6aea3f83d832f0c655055291d52ee0bb305",
    files="fp16",
    licence="MIT",
    pipeline="ShapEImg2ImgPipeline",
    gpu_memory_gib=10,
    dtype="float32",
    loras=False,
)


class ShapEImg2Img(Modelling):
    model: ClassVar = MODEL
    spec: ClassVar = WorkerSpec(
        name=NAME,
        endpoints=(
            Endpoint(
                id=NAME,
                task="fal/image-to-3d",
                input=ImageTo3d,
                output=Solid,
                description=f"Shap-E ({MODEL.licence}).",
            ),
        ),
        gpu_memory_gib=MODEL.gpu_memory_gib,
        timeout_s=MODEL.timeout_s,
        load_timeout_s=MODEL.load_timeout_s,
        keep_alive_s=MODEL.keep_alive_s,
        weights=MODEL.weights,
    )


WORKER = ShapEImg2Img
