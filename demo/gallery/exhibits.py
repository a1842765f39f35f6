"""What each starter is asked. A value that is bytes is uploaded and its URL put in its place; a
value that is a :class:`Made` is a file of an earlier answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from demo.gallery import drawings

if TYPE_CHECKING:
    from collections.abc import Mapping

_SENTENCES: Final = [
    "A kitten sleeps on the sofa.",
    "The central bank raised interest rates.",
    "The ship was guided home by a lighthouse.",
]


@dataclass(frozen=True, slots=True)
class Made:
    """The first file of an exhibit's answer, by that exhibit's title."""

    title: str


@dataclass(frozen=True, slots=True)
class Exhibit:
    title: str
    endpoint: str
    asked: Mapping[str, Any]


def _seen(question: str) -> Mapping[str, Any]:
    """Asked of a drawing, as OpenAI's clients send it."""
    picture = {"type": "image_url", "image_url": {"url": drawings.harbour()}}
    content = [{"type": "text", "text": question}, picture]
    return {"messages": [{"role": "user", "content": content}]}


EXHIBITS: Final = (
    Exhibit(
        "A picture from a sentence",
        "pilotlight/shapes",
        {"prompt": "a small red star on a blue background", "seed": 7, "num_images": 3},
    ),
    Exhibit(
        "A picture changed",
        "pilotlight/edit",
        {"prompt": "a red square on a blue background", "image_url": drawings.square(), "seed": 1},
    ),
    Exhibit(
        "A picture changed by an instruction",
        "pilotlight/edit",
        {"prompt": "turn the square into a star", "image_url": drawings.square(), "seed": 1},
    ),
    Exhibit(
        "One of two changed by an instruction",
        "pilotlight/edit",
        {
            "prompt": "let the green circle become a purple star",
            "image_url": drawings.pair(),
            "seed": 1,
        },
    ),
    Exhibit(
        "Painted in where a mask is white",
        "pilotlight/inpaint",
        {
            "prompt": "a red circle and a blue square on a white background",
            "image_url": drawings.pair(),
            "mask_url": drawings.right_half(),
            "seed": 5,
        },
    ),
    Exhibit(
        "A film from a sentence",
        "pilotlight/text-to-video",
        {"prompt": "a green square growing on an orange background", "seed": 4},
    ),
    Exhibit(
        "A picture set in motion",
        "pilotlight/image-to-video",
        {
            "prompt": "a red circle moving right on a blue background",
            "image_url": drawings.circle(),
            "seed": 5,
        },
    ),
    Exhibit(
        "The same film, four times as smooth",
        "pilotlight/interpolate",
        {"video_url": Made("A picture set in motion"), "factor": 4},
    ),
    Exhibit(
        "The same film, four times as wide",
        "pilotlight/upscale",
        {"video_url": Made("A picture set in motion"), "scale": 4},
    ),
    Exhibit(
        "A small picture enlarged",
        "pilotlight/upscale",
        {"image_url": drawings.small_invoice(), "scale": 2},
    ),
    Exhibit("The subject, cut out", "pilotlight/remove-background", {"image_url": drawings.ball()}),
    Exhibit(
        "Taught a new thing",
        "pilotlight/trainer",
        {"training_data_url": drawings.hearts(), "number_of_steps": 300},
    ),
    Exhibit(
        "Drawn with what was taught",
        "pilotlight/shapes",
        {
            "prompt": "a red heart on a white background",
            "seed": 2,
            "num_images": 3,
            "loras": [{"path": Made("Taught a new thing")}],
        },
    ),
    Exhibit("Print, read", "pilotlight/ocr", {"image_url": drawings.invoice()}),
    Exhibit(
        "Things, found",
        "pilotlight/detect",
        {"image_url": drawings.clocks(), "prompt": "clocks", "preview": True},
    ),
    Exhibit("A question about a picture", "pilotlight/vision", _seen("Where is the circle?")),
    Exhibit("Counted", "pilotlight/vision", _seen("How many squares are there?")),
    Exhibit(
        "Text, read aloud",
        "pilotlight/speech",
        {"input": f"{_SENTENCES[2]} Twelve barrels cost $1,234.56.", "response_format": "mp3"},
    ),
    Exhibit(
        "Speech, written down",
        "pilotlight/transcription",
        {"audio_url": Made("Text, read aloud"), "timestamp_granularities": ["word"]},
    ),
    Exhibit(
        "When somebody spoke", "pilotlight/speech-activity", {"audio_url": Made("Text, read aloud")}
    ),
    Exhibit(
        "A drawn face that says it",
        "pilotlight/speech-to-video",
        {"image_url": drawings.face(), "audio_url": Made("Text, read aloud")},
    ),
    Exhibit(
        "The best answer first",
        "pilotlight/rerank",
        {"model": "", "query": "What leads ships at night?", "documents": _SENTENCES},
    ),
    Exhibit(
        "How near in meaning",
        "pilotlight/score",
        {"model": "", "text_1": "a cat on a couch", "text_2": _SENTENCES},
    ),
    Exhibit(
        "A question answered",
        "pilotlight/chat",
        {
            "messages": [{"role": "user", "content": "What is the capital of France?"}],
            "temperature": 0,
        },
    ),
    Exhibit(
        "A text as numbers (the first eight)",
        "pilotlight/embeddings",
        {"input": _SENTENCES[0], "dimensions": 8},
    ),
    Exhibit(
        "Unkind words, flagged",
        "pilotlight/moderation",
        {"input": ["You are an imbecile and a disgrace.", "Bake it at 180 degrees."]},
    ),
)
