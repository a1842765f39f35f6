"""``openai/audio-speech``: a text read aloud."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class Speak(BaseModel):
    """4096 characters and a quarter to four times as fast: OpenAI's limits."""

    input: str = Field(min_length=1, max_length=4096, examples=["The lamp is lit."])
    model: str | None = None
    voice: str | None = Field(default=None, description="By the name the model knows it.")
    instructions: str | None = Field(default=None, description="How to speak.")
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = "mp3"
    speed: float = Field(default=1, ge=0.25, le=4)
    stream_format: Literal["audio", "sse"] | None = Field(
        default=None, description="Sound as it is made, as bytes or in events; None: either way."
    )


class Speech(BaseModel):
    """``audio_url`` is a file in the attempt's folder, as ``File.at(path).url`` gives it.

    In a partial output it is what comes next, a file of its own of 256 KiB at most: all pieces
    together are the beginning of the file in the output.
    """

    audio_url: str
    content_type: str | None = None
    duration: float | None = Field(default=None, description="Seconds.")
