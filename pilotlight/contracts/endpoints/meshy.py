"""Meshy 5."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from pilotlight.contracts.endpoints.shapes import MIB, File, SafetyChecker
from pilotlight.contracts.media import ImageUrl, Media

View = Annotated[
    str, Media("image", 50 * MIB, formats=(".jpg", ".jpeg", ".png", ".avif", ".heif", ".heic"))
]


class MultiImageTo3d(BaseModel):
    """A solid from one to four views of it."""

    image_urls: list[View] = Field(
        min_length=1, description="Views of one thing; after the fourth they are left out."
    )
    topology: Literal["quad", "triangle"] = "triangle"
    target_polycount: int = Field(default=30000, ge=1)
    symmetry_mode: Literal["off", "auto", "on"] = "auto"
    should_remesh: bool = True
    should_texture: bool = True
    enable_pbr: bool = Field(default=False, description="Metallic, roughness and normal maps too.")
    is_a_t_pose: bool = Field(default=False, description="Stand figures with their arms out.")
    texture_prompt: str | None = Field(default=None, description="What the surface is like.")
    texture_image_url: ImageUrl | None = Field(default=None, description="The surface, shown.")
    enable_safety_checker: SafetyChecker = True


class TextureFiles(BaseModel):
    base_color: File
    metallic: File | None = None
    normal: File | None = None
    roughness: File | None = None


class ModelUrls(BaseModel):
    glb: File | None = None
    fbx: File | None = None
    obj: File | None = None
    usdz: File | None = None


class Solid(BaseModel):
    model_glb: File
    thumbnail: File | None = None
    model_urls: ModelUrls
    texture_urls: list[TextureFiles] = []
    seed: int | None = None
