"""MiniMax Music."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from pilotlight.contracts.endpoints.shapes import MIB, Digits, File
from pilotlight.contracts.media import Media

Reference = Annotated[
    str,
    Media("audio", 200 * MIB, formats=(".wav", ".mp3"), min_s=15),
    Field(description="A song to go by, longer than 15 seconds."),
]


class AudioSetting(BaseModel):
    sample_rate: Annotated[Literal["8000", "16000", "22050", "24000", "32000", "44100"], Digits] = (
        "44100"
    )
    bitrate: Annotated[Literal["32000", "64000", "128000", "256000"], Digits] = "256000"
    format: Literal["mp3", "pcm", "flac"] = "mp3"


class Music15(BaseModel):
    """A song from its text and a word on its style."""

    prompt: str = Field(min_length=10, max_length=600, description="The text; [verse] marks parts.")
    audio_setting: AudioSetting | None = None
    lyrics_prompt: str = Field(min_length=10, max_length=300, description="The style.")


class Music(BaseModel):
    """A song from its text, after another one."""

    prompt: str = Field(max_length=600, description="The text; ## begins and ends a passage.")
    reference_audio_url: Reference


class Song(BaseModel):
    audio: File
