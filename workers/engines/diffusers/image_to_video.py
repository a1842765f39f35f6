"""Films that begin with a picture: a diffusers pipeline of LTX's shape that lies in a folder.

On a GPU in bfloat16, where there is one; else on the processor, on one thread, where the same
numbers are added in the same order and equal seeds give equal frames.
"""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pilotlight import WeightsMissing, stage
from workers.engines import weights
from workers.engines.diffusers.memory import bounded, sparing
from workers.engines.diffusers.text_to_image import DEFAULTS_FILE
from workers.engines.quiet import quiet

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL.Image import Image

DEFAULTS: Final = (
    "width", "height", "num_frames", "frame_rate", "num_inference_steps", "guidance_scale",
)  # fmt: skip
"""What a model's own ``pilotlight.json`` has to say."""


def ltx_image_to_video(folder: Path) -> LtxImageToVideo:
    """Read the pipeline and its call defaults; nothing is downloaded. Raises WeightsMissing."""
    if not (folder / "model_index.json").is_file():
        raise WeightsMissing(f"no diffusers model in {folder}")
    with stage("imports"):
        import torch

        with quiet():
            from diffusers import LTXImageToVideoPipeline
    device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    with stage("weights") as reading, quiet():
        weights.prefetch(folder, told=reading.progress)
        pipe = LTXImageToVideoPipeline.from_pretrained(folder, dtype=dtype, local_files_only=True)
    if device != "cpu":
        with stage("device"):
            pipe.to(device)
    pipe.set_progress_bar_config(disable=True)
    told = json.loads((folder / DEFAULTS_FILE).read_text())
    model = LtxImageToVideo(pipe, {name: told[name] for name in DEFAULTS}, device)
    with stage("warm_up"):
        model.warm_up()
    return model


@dataclass(frozen=True)
class LtxImageToVideo:
    """A loaded model. Not for two threads at once."""

    pipe: Any
    defaults: dict[str, Any]
    device: str

    def film(
        self,
        prompt: str,
        picture: Image,
        *,
        seed: int,
        steps: int,
        guidance: float,
        low_memory: bool = False,
        on_step: Callable[[int], None],
    ) -> NDArray[Any]:
        """Frames (n, height, width, 3), bytes, the first much like ``picture``.

        ``picture`` is cut to the model's sides, around its middle. ``guidance`` of 1 or less asks
        for none. What ``on_step`` raises ends it. Raises OutOfMemory.
        """
        import torch

        if self.device == "cpu":
            torch.set_num_threads(1)  # counts per calling thread, so not in load

        def stepped(_pipe: Any, step: int, _time: Any, _tensors: dict[str, Any]) -> dict[str, Any]:
            on_step(step + 1)
            return {}

        def call() -> Any:
            return self.pipe(
                image=self._fitted(picture),
                prompt=prompt,
                width=self.defaults["width"],
                height=self.defaults["height"],
                num_frames=self.defaults["num_frames"],
                frame_rate=self.defaults["frame_rate"],
                num_inference_steps=steps,
                guidance_scale=guidance,
                generator=torch.Generator().manual_seed(seed),
                callback_on_step_end=stepped,
                output_type="np",
            )

        with quiet(), sparing(self.pipe, self.device) if low_memory else nullcontext():
            made = bounded(call)
        return (made.frames[0] * 255).round().astype("uint8")  # type: ignore[no-any-return]

    def warm_up(self) -> None:
        """One step that nobody sees: what libraries do at their first call is done by then."""
        from PIL import Image as Pictures

        nothing = Pictures.new("RGB", (self.defaults["width"], self.defaults["height"]))
        self.film("", nothing, seed=0, steps=1, guidance=1, on_step=lambda _step: None)

    def unread(self, prompt: str) -> str:
        """The end of a prompt that is longer than the model reads, else nothing."""
        tokenizer = self.pipe.tokenizer
        with quiet():
            tokens = tokenizer(prompt).input_ids
        rest = tokens[tokenizer.model_max_length - 1 : -1]
        return str(tokenizer.decode(rest)) if len(tokens) > tokenizer.model_max_length else ""

    def _fitted(self, picture: Image) -> Image:
        from PIL import Image as Pictures
        from PIL import ImageOps

        sides = self.defaults["width"], self.defaults["height"]
        return ImageOps.fit(picture, sides, Pictures.Resampling.BICUBIC)
