"""Cuts the subject out of a picture: U²-Net-p (Apache-2.0) on the processor, through ONNX Runtime.

Sizes and numbers are the model's own (https://github.com/xuebinqin/U-2-Net, ``data_loader.py``):
it looks at 320 x 320 pixels, scaled by the brightest one, less ImageNet's means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, Field

from pilotlight import Context, Endpoint, Image, ImageUrl, Worker, WorkerSpec, stage
from workers.engines.media import pictures
from workers.engines.weights.carried import weights

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

SIDE = 320
MEANS = (0.485, 0.456, 0.406)
DEVIATIONS = (0.229, 0.224, 0.225)


class Input(BaseModel):
    image_url: ImageUrl
    sync_mode: bool = Field(
        default=False, description="Return the image as a data URI; the dialect sees to it."
    )


class Output(BaseModel):
    image: Image


class Scissors(Worker[Input, Output]):
    spec: ClassVar = WorkerSpec(
        name="remove-background",
        endpoints=(
            Endpoint(
                id="pilotlight/remove-background",
                task="fal/image-edit",
                input=Input,
                output=Output,
                description="The subject of a picture, with nothing behind it.",
            ),
        ),
        gpu_memory_gib=0,
        timeout_s=120,
    )

    def load(self) -> None:
        model = weights("u2net") / "u2netp.onnx"
        with stage("imports"):
            import onnxruntime
        with stage("weights"):
            self.session: Any = onnxruntime.InferenceSession(
                str(model), providers=["CPUExecutionProvider"]
            )

    def run(self, job_input: Input, context: Context) -> Output:
        source = context.input_file(job_input.image_url)
        picture = pictures.picture(source, "image_url", mode="RGB")
        picture.putalpha(self._mask(picture))
        path = context.folder / "cut-out.png"
        picture.save(path)
        return Output(
            image=Image.at(
                path, width=picture.width, height=picture.height, content_type="image/png"
            )
        )

    def _mask(self, picture: Picture) -> Picture:
        """How much each pixel belongs to the subject, 0 to 255, as large as the picture."""
        import numpy as np
        from PIL import Image as Pictures

        small = np.asarray(picture.resize((SIDE, SIDE), Pictures.Resampling.LANCZOS), np.float32)
        scaled = (small / max(small.max(), 1e-6) - MEANS) / DEVIATIONS
        seen = scaled.transpose(2, 0, 1)[None].astype(np.float32)
        name = self.session.get_inputs()[0].name
        share = self.session.run(None, {name: seen})[0][0, 0]
        share = (share - share.min()) / max(share.max() - share.min(), 1e-6)
        mask = Pictures.fromarray((share * 255).astype(np.uint8))
        return mask.resize(picture.size, Pictures.Resampling.LANCZOS)


WORKER = Scissors
