"""Training adaptations for Wan."""

from __future__ import annotations

from pydantic import BaseModel, Field

from pilotlight.contracts.endpoints.shapes import File
from pilotlight.contracts.media import ArchiveUrl


class Train(BaseModel):
    """Teach the model a subject or a style from pictures and films."""

    training_data_url: ArchiveUrl = Field(description="Zip of ten or more examples.")
    number_of_steps: int = Field(default=400, ge=1)
    learning_rate: float = Field(default=0.0002, gt=0)
    trigger_phrase: str = Field(default="", description="Words that call for what was learned.")
    auto_scale_input: bool = Field(
        default=False, description="Bring films to 81 frames at 16 a second."
    )


class Trained(BaseModel):
    lora_file: File
    config_file: File
