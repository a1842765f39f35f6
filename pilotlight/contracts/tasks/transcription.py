"""``openai/audio-transcription`` and ``fal/audio-transcription``: what is said in a recording."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from pilotlight.contracts.media import AudioUrl


class FalTranscribe(BaseModel):
    audio_url: AudioUrl
    language: str | None = Field(
        default=None, pattern=r"^[a-z]{2,3}(-[A-Za-z]{2,4})?$", description="ISO 639-1, as in: en."
    )
    task: Literal["transcribe", "translate"] = Field(
        default="transcribe", description="translate writes it in English."
    )


class Transcribe(FalTranscribe):
    """As OpenAI's clients ask; a file sent along has become ``audio_url``."""

    model: str | None = None
    prompt: str | None = Field(default=None, description="Words it may hold, or what came before.")
    temperature: float = Field(default=0, ge=0, le=1)
    timestamp_granularities: list[Literal["segment", "word"]] | None = None


class Word(BaseModel):
    """Times in seconds from the beginning."""

    word: str
    start: float
    end: float


class Segment(BaseModel):
    """Times in seconds from the beginning."""

    id: int = 0
    start: float
    end: float
    text: str
    seek: int = 0
    tokens: list[int] = []
    temperature: float = 0
    avg_logprob: float = 0
    compression_ratio: float = 0
    no_speech_prob: float = 0


class Transcript(BaseModel):
    """``duration`` in seconds; segments where the model tells them."""

    text: str
    language: str | None = None
    duration: float | None = None
    segments: list[Segment] | None = None
    words: list[Word] | None = None
