"""What a conversation shows and plays, as an engine gets it: decoded, checked, and part of the text.

An engine fetches nothing itself, and decodes nothing that a caller has written: its own decoders run
where the GPU is, and take a picture of 179 megapixels.
"""

from __future__ import annotations

import base64
import io
import mimetypes
import wave
from typing import TYPE_CHECKING, Final

from pilotlight import InvalidInput, Problem
from pilotlight.contracts.tasks.chat import ImagePart, SoundPart, SoundUrlPart
from workers.engines.media import pictures, sounds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pilotlight import Context
    from pilotlight.contracts.tasks.chat import Chat, Part
    from workers.engines.media.decoder import Field

_LOSSY: Final = frozenset({"image/jpeg", "image/webp", "image/avif"})
"""What came so goes on so: a photograph as PNG would be ten times as long to read."""
_RATE: Final = 16_000
"""Samples a second that models with ears take."""


def bring(asked: Chat, context: Context) -> None:
    """The files of this job, in place of their addresses.

    Raises InvalidInput that names the part for what is no picture or sound, is too large, or breaks
    a decoder. It blocks.
    """
    for place, part in _parts(asked):
        match part:
            case ImagePart():
                path = context.input_file(part.image_url.url)
                part.image_url.url = _picture(path, (*place, "image_url", "url"))
            case SoundUrlPart():
                path = context.input_file(part.audio_url.url)
                sound = _sound(path, (*place, "audio_url", "url"))
                part.audio_url.url = f"data:audio/wav;base64,{sound}"
            case SoundPart():
                path = context.folder / "-".join(("heard", *map(str, place)))
                where = (*place, "input_audio", "data")
                path.write_bytes(_bytes(part.input_audio.data, where))
                part.input_audio.data, part.input_audio.format = _sound(path, where), "wav"


def _parts(asked: Chat) -> Iterator[tuple[tuple[str | int, ...], Part]]:
    for at, message in enumerate(asked.messages):
        for number, part in enumerate(message.content if isinstance(message.content, list) else ()):
            yield ("messages", at, "content", number), part


def _picture(path: Path, place: Field) -> str:
    seen, file = pictures.picture(path, place, mode="RGB"), io.BytesIO()
    if mimetypes.guess_type(path.name)[0] in _LOSSY:
        kind = "image/jpeg"
        seen.save(file, "JPEG", quality=95, subsampling=0)
    else:
        kind = "image/png"
        seen.save(file, "PNG", compress_level=1)
    return f"data:{kind};base64,{base64.b64encode(file.getvalue()).decode()}"


def _sound(path: Path, place: Field) -> str:
    """Base64 of a WAV."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(_RATE)
        for part in sounds.stretches(path, place, rate=_RATE, layout="mono"):
            writer.writeframes(part)
    return base64.b64encode(file.getvalue()).decode()


def _bytes(text: str, place: tuple[str | int, ...]) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:  # binascii.Error is one
        problem = Problem(("body", *place), "is not base64", "value_error")
        raise InvalidInput("input_audio.data is not base64", problem) from None
