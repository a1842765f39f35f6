"""What models of sight answer beside boxes, in the manner of fal's moondream contracts."""

from __future__ import annotations

from pydantic import BaseModel

from pilotlight import Image
from pilotlight.contracts.endpoints.moondream import UsageInfo


class Told(BaseModel):
    finish_reason: str = "stop"
    usage_info: UsageInfo


class Spot(BaseModel):
    """As shares of the picture's sides, 0 to 1."""

    x: float
    y: float


class Pointed(Told):
    points: list[Spot]
    image: Image | None = None
