"""The task types: what a worker of each kind takes and gives, whatever dialect asked for it.

A worker's file uses these shapes as they are, or its own that are close to them::

    Endpoint(id="acme/sdxl", task="fal/text-to-image", input=TextToImage, output=Images)

This table is all that a listing reads; a file of shapes is imported when one of its types is used.
"""

from __future__ import annotations

import functools
import importlib
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel


class TaskType(NamedTuple):
    """Names of classes in a file of this folder."""

    family: str
    input: str
    output: str
    sync: bool = True
    """A caller may wait for the answer; else they get a request id at once."""


TASKS: Final[Mapping[str, TaskType]] = {
    "openai/chat-completion": TaskType("chat", "Chat", "Completion"),
    "openai/chat-completion/vision": TaskType("chat", "VisionChat", "Completion"),
    "openai/chat-completion/ocr": TaskType("chat", "VisionChat", "Completion"),
    "openai/chat-completion/moderation": TaskType("moderation", "Moderation", "Moderated"),
    "openai/embeddings": TaskType("embeddings", "Embed", "Embeddings"),
    "openai/rerank": TaskType("ranking", "Rerank", "Ranking"),
    "openai/score": TaskType("ranking", "Score", "Scores"),
    "openai/audio-speech": TaskType("speech", "Speak", "Speech"),
    "openai/audio-transcription": TaskType("transcription", "Transcribe", "Transcript"),
    "openai/image-generation": TaskType("images", "Generate", "Generated"),
    "fal/text-to-image": TaskType("images", "TextToImage", "Images"),
    "fal/image-edit": TaskType("images", "ImageEdit", "Images"),
    "fal/text-to-video": TaskType("video", "TextToVideo", "Film", sync=False),
    "fal/image-to-video": TaskType("video", "ImageToVideo", "Film", sync=False),
    "fal/speech-to-video": TaskType("video", "SpeechToVideo", "Film", sync=False),
    "fal/video-interpolate": TaskType("video", "Interpolate", "Film", sync=False),
    "fal/video-upscale": TaskType("video", "Upscale", "Film", sync=False),
    "fal/audio-transcription": TaskType("transcription", "FalTranscribe", "Transcript"),
    "fal/ocr": TaskType("ocr", "Ocr", "Text"),
}
"""By name, as callers write it."""
_ALSO: Final[Mapping[str, tuple[str, ...]]] = {
    "openai/chat-completion": ("openai/chat-completion/vision", "openai/chat-completion/ocr"),
    "openai/chat-completion/ocr": ("openai/chat-completion/vision",),
    "openai/audio-transcription": ("fal/audio-transcription",),
    "fal/audio-transcription": ("openai/audio-transcription",),
}
"""Task types whose endpoints can do this one too: inputs and outputs are the same shapes."""


def kinds_of(task: str) -> tuple[str, ...]:
    """Task types of endpoints that can do it, best first: itself, then those of its shapes."""
    return (task, *_ALSO.get(task, ()))


@functools.cache
def shapes(task: str) -> tuple[type[BaseModel], type[BaseModel]]:
    """Input and output of a task type. Raises KeyError for a name that is none."""
    known = TASKS[task]
    family = importlib.import_module(f"{__name__}.{known.family}")
    return getattr(family, known.input), getattr(family, known.output)
