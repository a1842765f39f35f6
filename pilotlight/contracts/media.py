"""Files in inputs and outputs: the types a worker's contract uses.

Outputs use :class:`File` and :class:`Image`; inputs annotate a URL field with what it must be::

    class Input(BaseModel):
        image_url: ImageUrl
        mask_url: ImageUrl | None = None

The ingress fetches such a field through the guarded client, checks its first bytes and keeps
our own copy; the worker asks ``context.input_file(job_input.image_url)`` for a path.
"""

from __future__ import annotations

import functools
import mimetypes
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - pydantic reads annotations at run time
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import BaseModel, Field

if TYPE_CHECKING:
    from collections.abc import Iterator

MediaKind = Literal["image", "audio", "video", "archive", "weights", "file"]


@dataclass(frozen=True, slots=True)
class Media:
    """Marks a URL field. ``max_bytes`` counts what is fetched."""

    kind: MediaKind
    max_bytes: int


_MIB = 1024 * 1024
# Limits by kind: reliability section 4.4, step 7.
ImageUrl = Annotated[str, Media("image", 50 * _MIB), Field(json_schema_extra={"format": "uri"})]
AudioUrl = Annotated[str, Media("audio", 200 * _MIB), Field(json_schema_extra={"format": "uri"})]
VideoUrl = Annotated[str, Media("video", 1024 * _MIB), Field(json_schema_extra={"format": "uri"})]
ArchiveUrl = Annotated[
    str, Media("archive", 2048 * _MIB), Field(json_schema_extra={"format": "uri"})
]
WeightsUrl = Annotated[
    str, Media("weights", 2048 * _MIB), Field(json_schema_extra={"format": "uri"})
]


class File(BaseModel):
    """A file in an output. A worker makes one with :meth:`at`; the caller gets a signed URL."""

    url: str
    content_type: str | None = None
    file_name: str | None = None
    file_size: int | None = None
    """Bytes."""

    @classmethod
    def at(cls, path: Path, *, content_type: str | None = None, **more: Any) -> File:
        """Describe a file that lies in ``context.folder``; the framework stores it."""
        guessed = content_type or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return cls(
            url=path.resolve().as_uri(),
            content_type=guessed,
            file_name=path.name,
            file_size=path.stat().st_size,
            **more,
        )


class Image(File):
    """A picture; sides in pixels."""

    width: int | None = None
    height: int | None = None

    @classmethod
    def at(cls, path: Path, *, content_type: str | None = None, **more: Any) -> Image:
        """As :meth:`File.at`, with ``width`` and ``height``."""
        described = File.at(path, content_type=content_type)
        return cls(**described.model_dump(), **more)


def _marker(metadata: list[Any], annotation: Any) -> Media | None:
    for item in metadata:
        if isinstance(item, Media):
            return item
    for inner in get_args(annotation):
        found = _marker(list(getattr(inner, "__metadata__", ())), inner)
        if found is not None:
            return found
    return None


@functools.cache
def has_media(model: type[BaseModel], _seen: frozenset[type] = frozenset()) -> bool:
    """Whether any field, at any depth, is a media URL."""
    if model in _seen:
        return False
    for info in model.model_fields.values():
        if _marker(info.metadata, info.annotation) is not None:
            return True
        if any(has_media(inner, _seen | {model}) for inner in _models(info.annotation)):
            return True
    return False


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)


@dataclass(frozen=True, slots=True)
class MediaField:
    """One media URL found in a validated input: where it is, what it must be, what it says."""

    loc: tuple[str | int, ...]
    media: Media
    url: str


def media_fields(value: BaseModel, *, at: tuple[str | int, ...] = ()) -> Iterator[MediaField]:
    """Every media URL of a validated input, depth first; empty and absent ones are skipped."""
    for name, info in type(value).model_fields.items():
        loc = (*at, info.alias or name)
        yield from _found(getattr(value, name), _marker(info.metadata, info.annotation), loc)


def _found(value: object, media: Media | None, loc: tuple[str | int, ...]) -> Iterator[MediaField]:
    if isinstance(value, BaseModel):
        yield from media_fields(value, at=loc)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _found(item, media, (*loc, index))
    elif media is not None and isinstance(value, str) and value:
        yield MediaField(loc, media, value)
