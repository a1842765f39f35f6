"""Workers that are Shap-E behind diffusers: a picture in, a surface with colours out."""

from __future__ import annotations

import secrets
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pilotlight import Context, File, Worker, stage
from workers.engines.diffusers.loading import load
from workers.engines.diffusers.memory import bounded, sparing
from workers.engines.media import pictures
from workers.engines.media.decoder import refused
from workers.engines.quiet import quiet
from workers.engines.solids import gltf
from workers.engines.solids.contracts import ImageTo3d, Solid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.Image import Image as Picture

    from workers.engines.diffusers.declared import Diffused

WORDS: Final = frozenset(
    {"image", "num_inference_steps", "guidance_scale", "generator", "output_type"}
)
"""Every argument that a call may have."""
_FIELD: Final = "image_url"
_SEEDS: Final = 2**63
"""PyTorch's generators take no larger ones."""
_CUTTING: Final = 0.2
"""Share of a job's time that is left when the last step is done: the surface and the file."""
_ASKED_AT_ONCE, _ASKED_WHEN_SPARING = 65_536, 4096
"""Points that the solid is asked about at a time; diffusers' own choice is the second."""
_WARM_UP_SIDE: Final = 64


class Modelling(Worker[ImageTo3d, Solid]):
    """Solids from pictures; one at a time."""

    model: ClassVar[Diffused]

    def load(self) -> None:
        self.pipes = load(self.model)
        with stage("warm_up"):
            self.warm_up()

    def warm_up(self) -> None:
        """One step of a solid that nobody sees."""
        from PIL import Image as Pictures

        with quiet():
            self.pipes.base(Pictures.new("RGB", (_WARM_UP_SIDE, _WARM_UP_SIDE)),
                            num_inference_steps=1, output_type="latent")  # fmt: skip

    def park(self) -> bool:
        return self.pipes.park()

    def wake(self) -> None:
        self.pipes.wake()

    def run(self, job_input: ImageTo3d, context: Context) -> Solid:
        """A cancelled job ends at the next step. Raises InvalidInput where no solid comes out."""
        began = time.perf_counter()
        picture = pictures.picture(context.input_file(job_input.image_url), _FIELD, mode="RGB")
        said = job_input.seed
        seed = secrets.randbelow(2**32) if said is None else said
        surface = self._made(picture, job_input, seed, context)
        inferred = time.perf_counter() - began
        path = context.folder / "model.glb"
        gltf.write(path, surface)
        context.progress(1)
        return Solid.model_validate(
            {
                "model_glb": File.at(path, content_type=gltf.CONTENT_TYPE),
                "vertices": len(surface.corners),
                "faces": len(surface.faces),
                "seed": seed,
                "timings": {
                    "inference": round(inferred, 4),
                    "file": round(time.perf_counter() - began - inferred, 4),
                },
            },
            from_attributes=True,
        )

    def _made(
        self, picture: Picture, asked: ImageTo3d, seed: int, context: Context
    ) -> gltf.Surface:
        import torch

        if self.pipes.device == "cpu":
            torch.set_num_threads(1)  # counts per calling thread; equal seeds, equal solids
        pipe = self.pipes.base

        def call() -> Any:
            found = pipe(
                picture,
                num_inference_steps=asked.num_inference_steps,
                guidance_scale=asked.guidance_scale,
                generator=torch.Generator("cpu").manual_seed(seed % _SEEDS),
                output_type="latent",
            ).images
            context.progress(1 - _CUTTING, "cutting the surface")
            return pipe.shap_e_renderer.decode_to_mesh(
                found, self.pipes.device, grid_size=asked.grid_size,
                query_batch_size=_ASKED_WHEN_SPARING if context.low_memory else _ASKED_AT_ONCE,
            )  # fmt: skip

        with ExitStack() as ways:
            ways.enter_context(quiet())
            ways.enter_context(_told(pipe, context))
            ways.enter_context(_nothing_refused(pipe.shap_e_renderer))
            if context.low_memory:
                ways.enter_context(sparing(pipe, self.pipes.device))
            return _surface(bounded(call))


@contextmanager
def _told(pipe: Any, context: Context) -> Iterator[None]:
    """Shap-E's pipelines tell nobody of their steps: its network is listened to instead."""
    done = 0

    def stepped(*_heard: Any) -> None:
        nonlocal done
        done += 1
        total = len(pipe.scheduler.timesteps)  # Heun's: two for each step but the last
        context.progress(done / total * (1 - _CUTTING), f"pass {done} of {total}")

    handle = pipe.prior.register_forward_hook(stepped)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def _nothing_refused(renderer: Any) -> Iterator[None]:
    """A solid without a surface, before its colours are asked for: diffusers cannot go on then."""

    def looked(_module: Any, _asked: Any, found: Any) -> None:
        if not len(found.verts):
            raise refused(
                _FIELD,
                "gave no solid; try another seed, or a picture of one thing on a plain ground",
                "nothing_found",
            )

    handle = renderer.mesh_decoder.register_forward_hook(looked)
    try:
        yield
    finally:
        handle.remove()


def _surface(mesh: Any) -> gltf.Surface:
    """Shap-E's z is up and glTF's is y; its colours are linear already, as glTF's are."""
    import numpy as np

    corners = mesh.verts.float().cpu().numpy()
    colours = np.stack([mesh.vertex_channels[name].float().cpu().numpy() for name in "RGB"], axis=1)
    x, y, z = corners.T
    return gltf.Surface(np.stack([x, z, -y], axis=1), mesh.faces.cpu().numpy(), colours)
