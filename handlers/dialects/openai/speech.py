"""``/audio/speech``: bytes, whole or as they are made, or base64 in server-sent events."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Final

from handlers.dialects.openai.operation import (
    Diverged,
    Document,
    Operation,
    TheFile,
    Told,
    Way,
    Wish,
)
from handlers.dialects.openai.pieces import piece_of
from pilotlight.catalogue import Served

_TYPES: Final = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
_PIECE_BYTES: Final = 24 * 1024
"""A multiple of three: base64 without padding in the middle."""


def translate(document: Document, _served: Served) -> Wish:
    """A voice of one's own (``{"id": ...}``) is known to the worker by its id."""
    body = dict(document)
    voice = body.get("voice")
    if isinstance(voice, dict) and isinstance(voice.get("id"), str):
        body["voice"] = voice["id"]
    options = {"format": body.get("response_format", "mp3")}
    return Wish(body, options | ({"events": True} if _wants_events(document) else {}))


def _wants_events(document: Document) -> bool:
    return document.get("stream_format") == "sse"


def way(document: Document, served: Served) -> Way:
    if _wants_events(document):
        return "events"
    return "bytes" if served.endpoint.streams else "whole"


def answer(told: Told) -> TheFile:
    return TheFile(_TYPES.get(told.options.get("format", ""), "application/octet-stream"))


class Sound:
    """``speech.audio.delta`` events; the stored file has the last word."""

    done = False

    def __init__(self, _told: Told) -> None:
        self._sent = b""

    def partial(self, output: Document) -> Iterator[Document]:
        piece = piece_of(output)
        self._sent += piece
        yield from _deltas(piece)

    def end(self, output: Document) -> Iterator[Document]:
        sound = piece_of(output)
        if not sound.startswith(self._sent):
            raise Diverged
        yield from _deltas(sound[len(self._sent) :])
        yield {"type": "speech.audio.done", "usage": None}


def _deltas(sound: bytes) -> Iterator[Document]:
    for at in range(0, len(sound), _PIECE_BYTES):
        piece = base64.b64encode(sound[at : at + _PIECE_BYTES]).decode()
        yield {"type": "speech.audio.delta", "audio": piece}


def _inline(options: Document) -> bool:
    return bool(options.get("events"))


OPERATION = Operation(
    name="audio.speech",
    path="/audio/speech",
    tasks=frozenset({"openai/audio-speech"}),
    translate=translate,
    answer=answer,
    narrator=Sound,
    way=way,
    inline=_inline,
)
