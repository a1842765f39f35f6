"""``fal/image-to-3d`` as the workers here take it: one picture in, one GLB out."""

from __future__ import annotations

from pydantic import BaseModel, Field

from pilotlight.contracts.endpoints.shapes import (
    File,
    Seed,
)
from pilotlight.contracts.media import (
    ImageUrl,
)


class ImageTo3d(BaseModel):
    """A solid from one picture of it."""

    image_url: ImageUrl = Field(description="One thing; best alone on a plain ground.")
    seed: Seed = None
    num_inference_steps: int = Field(
        default=64, ge=1, le=200, description="Denoising steps: more take longer."
    )
    guidance_scale: float = Field(
        default=3.0, ge=0, le=20, description="How closely to follow the picture."
    )
    grid_size: int = Field(
        default=128,
        ge=16,
        le=192,
        description="Cells along each side that the surface is cut from.",
    )


class Solid(BaseModel):
    """``model_glb`` is glTF 2.0 in one binary file, a colour at each corner, y up."""

    model_glb: File
    vertices: int
    faces: int
    """Triangles."""
    seed: int
    timings: dict[str, float]
    """Seconds by stage."""
