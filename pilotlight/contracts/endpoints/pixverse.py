"""PixVerse, versions 3.5 to 5."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, ValidationInfo
from pydantic_core import PydanticCustomError

from pilotlight.contracts.endpoints.shapes import Digits, NegativePrompt, Prompt, Seed
from pilotlight.contracts.media import AudioUrl, ImageUrl, VideoUrl


def _not_long_and_large(duration: str, info: ValidationInfo) -> str:
    """fal's limit: 1080p for 5 seconds only. ``resolution`` stands before ``duration``."""
    if duration != "5" and info.data.get("resolution") == "1080p":
        raise PydanticCustomError("feature_not_supported", "1080p is made for 5 seconds only")
    return duration


Ratio = Literal["16:9", "4:3", "1:1", "3:4", "9:16"]
Resolution = Literal["360p", "540p", "720p", "1080p"]
FastResolution = Literal["360p", "540p", "720p"]
Duration = Annotated[
    Literal["5", "8"],
    Digits,
    AfterValidator(_not_long_and_large),
    Field(description="Length in seconds; 1080p is made for 5 only."),
]
Style = Literal["anime", "3d_animation", "clay", "comic", "cyberpunk"] | None
ExtendStyle = Literal["anime", "3d_animation", "day", "cyberpunk", "comic"] | None
Version = Literal["v3.5", "v4", "v4.5", "v5"]
FirstImage = Annotated[ImageUrl, Field(description="First frame.")]
Camera = (
    Literal[
        "horizontal_left", "horizontal_right", "vertical_up", "vertical_down", "zoom_in",
        "zoom_out", "crane_up", "quickly_zoom_in", "quickly_zoom_out", "smooth_zoom_in",
        "camera_rotation", "robo_arm", "super_dolly_out", "whip_pan", "hitchcock", "left_follow",
        "right_follow", "pan_left", "pan_right", "fix_bg",
    ]
    | None
)  # fmt: skip


class TextToVideo(BaseModel):
    """A film from a sentence."""

    prompt: Prompt
    aspect_ratio: Ratio = "16:9"
    resolution: Resolution = "720p"
    duration: Duration = "5"
    negative_prompt: NegativePrompt = ""
    style: Style = None
    seed: Seed = None


class ImageToVideo(TextToVideo):
    """A film that begins with a picture."""

    image_url: FirstImage


class CameraImageToVideo(ImageToVideo):
    """A film that begins with a picture, with a camera that moves."""

    camera_movement: Camera = None


class Transition(TextToVideo):
    """A film from one picture to another."""

    first_image_url: FirstImage
    last_image_url: ImageUrl = Field(description="Last frame.")


class FastTextToVideo(BaseModel):
    """A film from a sentence, sooner."""

    prompt: Prompt
    aspect_ratio: Ratio = "16:9"
    resolution: FastResolution = "720p"
    negative_prompt: NegativePrompt = ""
    style: Style = None
    seed: Seed = None


class FastImageToVideo(FastTextToVideo):
    """A film that begins with a picture, sooner."""

    image_url: FirstImage


class FastCameraImageToVideo(FastImageToVideo):
    """A film that begins with a picture, sooner, with a camera that moves."""

    camera_movement: Camera = None


class Extend(BaseModel):
    """A film continued."""

    video_url: VideoUrl = Field(description="What to continue.")
    prompt: Prompt
    negative_prompt: NegativePrompt = ""
    style: ExtendStyle = None
    resolution: Resolution = "720p"
    duration: Duration = "5"
    model: Version = "v4.5"
    seed: Seed = None


class FastExtend(BaseModel):
    """A film continued, sooner."""

    video_url: VideoUrl = Field(description="What to continue.")
    prompt: Prompt
    negative_prompt: NegativePrompt = ""
    style: ExtendStyle = None
    resolution: FastResolution = "720p"
    model: Version = "v4.5"
    seed: Seed = None


class SoundEffects(BaseModel):
    """A film given sounds."""

    video_url: VideoUrl = Field(description="What to give sounds to.")
    original_sound_switch: bool = Field(default=False, description="Keep its own sound.")
    prompt: str = Field(default="", description="What to hear; empty: what suits.")


class Lipsync(BaseModel):
    """Make the person in a film speak a recording, or a text."""

    video_url: VideoUrl = Field(description="Who speaks.")
    audio_url: AudioUrl | None = Field(default=None, description="What to say.")
    voice_id: Literal[
        "Emily", "James", "Isabella", "Liam", "Chloe", "Adrian", "Harper", "Ava", "Sophia",
        "Julia", "Mason", "Jack", "Oliver", "Ethan", "Auto",
    ] = Field(default="Auto", description="Who reads the text.")  # fmt: skip
    text: str | None = Field(default=None, description="What to say without a recording.")
