"""Pictures changed by a FLUX-shaped model: as a whole, or only where a mask is white.

The very weights that draw from nothing: the picture is made partly noise, and drawn on from there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workers.engines.diffusers.ground import on_the_same_ground
from workers.engines.diffusers.text_to_image import SILENT_LENGTH, FluxTextToImage
from workers.engines.quiet import quiet

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL.Image import Image


@dataclass(frozen=True)
class FluxEdit:
    """Shares the loaded parts of ``model``: no weights are read twice."""

    model: FluxTextToImage
    _pipes: dict[str, Any] = field(default_factory=dict)

    def change(
        self,
        prompt: str,
        picture: Image,
        *,
        mask: Image | None,
        seed: int,
        strength: float,
        steps: int,
        guidance: float,
        on_step: Callable[[int], None],
    ) -> Image:
        """``picture`` and ``mask`` are of the model's size; ``strength`` 1 keeps nothing of it.

        ``steps`` are those really taken. What ``on_step`` raises ends it.
        """
        import torch

        torch.set_num_threads(1)  # as when drawing: equal seeds, equal bytes

        def stepped(_pipe: Any, step: int, _time: Any, _tensors: dict[str, Any]) -> dict[str, Any]:
            on_step(step + 1)
            return {}

        more = {} if mask is None else {"mask_image": mask}
        with quiet():
            drawn = self._pipe("inpaint" if mask is not None else "edit")(
                prompt,
                prompt_2=" ",
                image=picture,
                strength=strength,
                negative_prompt="" if guidance > 1 else None,
                true_cfg_scale=guidance,
                guidance_scale=0.0,
                # The pipelines take this share of the steps they are told.
                num_inference_steps=max(steps, round(steps / max(strength, 0.01))),
                width=self.model.defaults["width"],
                height=self.model.defaults["height"],
                generator=torch.Generator().manual_seed(seed),
                max_sequence_length=SILENT_LENGTH,
                callback_on_step_end=stepped,
                **more,
            )
        changed: Image = drawn.images[0]
        if mask is None:
            return changed
        # The autoencoder alters every pixel a little: outside the mask they stay what they were.
        from PIL import Image as Pictures

        return Pictures.composite(on_the_same_ground(changed, picture), picture, mask)

    def _pipe(self, kind: str) -> Any:
        if kind not in self._pipes:
            with quiet():
                from diffusers import FluxImg2ImgPipeline, FluxInpaintPipeline

                made = FluxImg2ImgPipeline if kind == "edit" else FluxInpaintPipeline
                self._pipes[kind] = made(**self.model.pipe.components)
            self._pipes[kind].set_progress_bar_config(disable=True)
        return self._pipes[kind]
