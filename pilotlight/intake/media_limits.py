"""Whether a file is what its field allows, told from its first bytes and its container.

Limits, error types and ``ctx`` are fal's: https://docs.fal.ai/errors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from pilotlight.contracts.sniff import matches

if TYPE_CHECKING:
    from pilotlight.contracts.media import Media

ENDINGS: Final = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".bmp": "image/bmp",
    ".tiff": "image/tiff",
    ".heic": "image/heic",
    ".heif": "image/heic",
    ".wav": "audio/wav",
    ".mp3": "audio/mpeg",
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
    ".aac": "audio/aac",
    ".m4a": "audio/mp4",
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
    ".avi": "video/x-msvideo",
    ".zip": "application/zip",
    ".tar": "application/x-tar",
    ".tar.gz": "application/gzip",
}
"""File endings in fal's lists of formats, with what we find in the first bytes of such a file."""
_NOT_THAT: Final = {
    "image": "unsupported_image_format",
    "audio": "unsupported_audio_format",
    "video": "unsupported_video_format",
    "archive": "invalid_archive",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One limit that a file does not keep."""

    type: str
    message: str
    context: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Measures:
    """Sides in pixels, length in seconds; None where the container does not tell cheaply."""

    width: int | None = None
    height: int | None = None
    length_s: float | None = None


def takes(media: Media, content_type: str | None) -> bool:
    """Whether a file of this content, told from its first bytes, may stand in the field."""
    if media.formats:
        return content_type in {ENDINGS[ending] for ending in media.formats}
    return matches(media.kind, content_type)


def formats_of(media: Media) -> tuple[str, ...]:
    """File endings that the field takes."""
    return media.formats or tuple(
        ending for ending, known in ENDINGS.items() if matches(media.kind, known)
    )


def wrong_format(media: Media) -> Fault:
    """What to say of a file that :func:`takes` refuses."""
    allowed = formats_of(media)
    if media.kind == "image" and not media.formats:
        return Fault("image_load_error", "the file is no image we can read", {})
    kind = _NOT_THAT.get(media.kind, "file_download_error")
    word = "supported_extensions" if media.kind == "archive" else "supported_formats"
    context = {word: list(allowed)} if allowed else {}
    said = f"; it may be {', '.join(allowed)}" if allowed else ""
    return Fault(kind, f"the file is no {media.kind} we can read{said}", context)


def too_large(media: Media) -> Fault:
    limit = media.max_bytes
    return Fault("file_too_large", f"larger than {limit} bytes", {"max_size": limit})


def measure(media: Media, file: BinaryIO) -> Measures:
    """Read what the header says. A file that lies or breaks off says nothing."""
    if media.kind == "image":
        return _sides(file)
    return Measures(length_s=_length(file))


def _sides(file: BinaryIO) -> Measures:
    import imagesize  # noqa: PLC0415 - few endpoints have such limits

    try:
        width, height = imagesize.get(file)
    except (ValueError, OSError, LookupError):
        return Measures()
    return Measures(width, height) if width > 0 and height > 0 else Measures()


def _length(file: BinaryIO) -> float | None:
    from tinytag import TinyTag, TinyTagException  # noqa: PLC0415 - as above

    try:
        length = TinyTag.get(file_obj=file, tags=False).duration
    except (TinyTagException, OSError):
        return None
    return length if length and length > 0 else None


def fault_of(media: Media, found: Measures) -> Fault | None:
    """The first limit that these measures break."""
    return _size_fault(media, found) or _length_fault(media, found)


def _size_fault(media: Media, found: Measures) -> Fault | None:
    if found.width is None or found.height is None:
        return None
    size = f"{found.width} x {found.height} pixels"
    over = _over(found.width, media.max_width) or _over(found.height, media.max_height)
    if over:
        context = {"max_height": media.max_height, "max_width": media.max_width}
        return Fault("image_too_large", f"{size}; at most {_by(context)}", _given(context))
    under = _over(media.min_width, found.width) or _over(media.min_height, found.height)
    if under:
        context = {"min_height": media.min_height, "min_width": media.min_width}
        return Fault("image_too_small", f"{size}; at least {_by(context)}", _given(context))
    return None


def _length_fault(media: Media, found: Measures) -> Fault | None:
    length = found.length_s
    if length is None:
        return None
    said = round(length, 3)
    if _over(length, media.max_s):
        context = {"max_duration": media.max_s, "provided_duration": said}
        words = f"{said:g} s long; at most {media.max_s:g} s"
        return Fault(f"{media.kind}_duration_too_long", words, context)
    if _over(media.min_s, length):
        context = {"min_duration": media.min_s, "provided_duration": said}
        words = f"{said:g} s long; at least {media.min_s:g} s"
        return Fault(f"{media.kind}_duration_too_short", words, context)
    return None


def _over(value: float | None, limit: float | None) -> bool:
    return value is not None and limit is not None and value > limit


def _by(limits: dict[str, int | None]) -> str:
    height, width = limits.values()
    return f"{width or 'any'} x {height or 'any'}"


def _given(limits: dict[str, int | None]) -> dict[str, int]:
    return {name: limit for name, limit in limits.items() if limit is not None}
