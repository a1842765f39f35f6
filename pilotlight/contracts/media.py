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
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, get_args

from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import GetJsonSchemaHandler
    from pydantic_core import CoreSchema

MediaKind = Literal["image", "audio", "video", "archive", "weights", "file"]
URL_SCHEMES = ("http://", "https://", "data:", "blob:")

_LIMIT_WORDS = {
    "max_bytes": "max_file_size",
    "min_width": "min_width",
    "min_height": "min_height",
    "max_width": "max_width",
    "max_height": "max_height",
    "min_s": "min_duration",
    "max_s": "max_duration",
    "fetch_s": "timeout",
}
SAMPLES = {
    "image": "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAEAAAABAAQAAAACCEkxzAAAAD0lEQVR42mNgGA"
    "WjgHwAAAJAAAHgTR1EAAAAAElFTkSuQmCC",
    "audio": "https://storage.googleapis.com/falserverless/example_inputs/omnihuman_audio.mp3",
    "video": "https://storage.googleapis.com/falserverless/model_tests/kling/"
    "kling-v2.5-turbo-pro-image-to-video-output.mp4",
}
"""Files that anybody may fetch: what a contract shows when it has no better one."""


@dataclass(frozen=True, slots=True)
class Media:
    """Marks a URL field. ``max_bytes`` counts what is fetched.

    What a header does not tell is not held against the file: the limits below are checked where
    the container says its sides (pixels) or its length (seconds).
    """

    kind: MediaKind
    max_bytes: int
    formats: tuple[str, ...] = ()
    """File endings that are taken, such as ``.mp4``; none: every format of the kind."""
    min_width: int | None = None
    min_height: int | None = None
    max_width: int | None = None
    max_height: int | None = None
    min_s: float | None = None
    max_s: float | None = None
    fetch_s: float | None = None
    """Longest fetch, where the deployment would be more patient."""
    names_too: bool = False
    """A value that is no URL is a name that the worker knows, and is left alone."""

    @property
    def limits_content(self) -> bool:
        """Whether the file itself has to be looked at, beyond its size and kind."""
        sides = (self.min_width, self.min_height, self.max_width, self.max_height)
        return any(limit is not None for limit in (*sides, self.min_s, self.max_s))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """A URL, what the file may be in the words of fal's ``limits``, and one to try it with."""
        said = handler(schema)
        if self.names_too:
            return said
        limits = {word: getattr(self, name) for name, word in _LIMIT_WORDS.items()}
        known = {word: limit for word, limit in limits.items() if limit is not None}
        formats = {"formats": list(self.formats)} if self.formats else {}
        sample = {"examples": [SAMPLES[self.kind]]} if self.kind in SAMPLES else {}
        return {**said, "format": "uri", "limits": {**known, **formats}, **sample}

    def marks(self, value: str) -> bool:
        """Whether this value stands for a file."""
        return bool(value) and (not self.names_too or value.startswith(URL_SCHEMES))


_MIB = 1024 * 1024
# Limits by kind: reliability section 4.4, step 7.
ImageUrl = Annotated[str, Media("image", 50 * _MIB)]
AudioUrl = Annotated[str, Media("audio", 200 * _MIB)]
VideoUrl = Annotated[str, Media("video", 1024 * _MIB)]
ArchiveUrl = Annotated[str, Media("archive", 2048 * _MIB)]
WeightsUrl = Annotated[str, Media("weights", 2048 * _MIB)]


class File(BaseModel):
    """A file in an output. A worker makes one with :meth:`at`; the caller gets a signed URL."""

    url: str
    content_type: str | None = None
    file_name: str | None = None
    file_size: int | None = None
    """Bytes."""

    @classmethod
    def at(cls, path: Path | str, *, content_type: str | None = None, **more: Any) -> File:
        """Describe a file that lies in ``context.folder``; the framework stores it.

        Raises FileNotFoundError for one that was not written.
        """
        path = Path(path)
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            raise FileNotFoundError(
                f"{path.name} is not there: write it into context.folder before it is returned"
            ) from None
        guessed = content_type or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return cls(
            url=path.resolve().as_uri(),
            content_type=guessed,
            file_name=path.name,
            file_size=size,
            **more,
        )


class Image(File):
    """A picture; sides in pixels."""

    width: int | None = None
    height: int | None = None

    @classmethod
    def at(cls, path: Path | str, *, content_type: str | None = None, **more: Any) -> Image:
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


class Slot(NamedTuple):
    """A field of an input that takes a file, before there is any input."""

    name: str
    media: Media
    required: bool
    is_list: bool


def slots(model: type[BaseModel]) -> Iterator[Slot]:
    """Those that stand in the input itself, not deeper."""
    for name, info in model.model_fields.items():
        media = _marker(info.metadata, info.annotation)
        if media is not None and not media.names_too:
            is_list = "list[" in str(info.annotation)
            yield Slot(info.alias or name, media, info.is_required(), is_list)


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
    elif media is not None and isinstance(value, str) and media.marks(value):
        yield MediaField(loc, media, value)
