"""``/images/generations`` and ``/images/edits``: pictures as URLs, or inline as base64.

An endpoint of OpenAI's own task type takes the body as it is. Those with fal's contracts get
fal's names for what OpenAI calls otherwise; what they know by the same name passes through.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from handlers.dialects.openai.errors import WrongUse
from handlers.dialects.openai.operation import Document, Operation, Told, Wish, yes
from pilotlight.catalogue import Served

_OWN_TASK: Final = "openai/image-generation"
_SIZE: Final = re.compile(r"([1-9]\d{0,4})x([1-9]\d{0,4})", re.ASCII)
_NAMES: Final = {
    "num_images": "n",
    "image_size": "size",
    "aspect_ratio": "size",
    "image_url": "image",
    "image_urls": "image",
    "mask_url": "mask",
}
"""fal's names, each with OpenAI's."""
_RENAMED: Final = frozenset({"n", "size", "image", "images", "mask", "model", "stream"})


def generation(document: Document, served: Served) -> Wish:
    if served.endpoint.task == _OWN_TASK:
        return Wish(document, _options(document))
    return Wish(_in_fals_words(document, served), _options(document), _NAMES)


def edit(document: Document, served: Served) -> Wish:
    body, known = _in_fals_words(document, served), _fields(served)
    pictures = _pictures(document)
    if pictures:
        if "image_urls" in known:
            body["image_urls"] = pictures
        elif len(pictures) > 1:
            raise WrongUse(f"{served.endpoint.id} edits one picture at a time", param="image")
        else:
            body["image_url"] = pictures[0]
    elif not {"image_url", "image_urls"} & body.keys():
        raise WrongUse("send a picture to edit, in the field `image`", param="image")
    mask = _urls(document.get("mask"))
    if mask:
        if "mask_url" not in known:
            raise WrongUse(f"{served.endpoint.id} takes no mask", param="mask")
        body["mask_url"] = mask[0]
        if "mask_by" in known:
            body["mask_by"] = "transparent"  # https://platform.openai.com/docs/api-reference/images
    return Wish(body, _options(document), _NAMES)


def _options(document: Document) -> Document:
    options: Document = {}
    if document.get("response_format") == "b64_json" or yes(document.get("stream")):
        options["b64"] = True
    if isinstance(document.get("partial_images"), int):
        options["partials"] = document["partial_images"]
    return options


def _fields(served: Served) -> set[str]:
    """What callers of this endpoint may send."""
    if served.route is not None and not served.has_contract:
        return set(served.input_schema().get("properties", ()))
    fields = served.endpoint.input.model_fields.items()
    return {info.alias or name for name, info in fields}


def _in_fals_words(document: Document, served: Served) -> Document:
    known = _fields(served)
    body = {
        name: value for name, value in document.items() if name in known and name not in _RENAMED
    }
    count = document.get("n")
    if "num_images" in known and count is not None:
        body["num_images"] = count
    elif count not in (None, 1, "1"):
        raise WrongUse(f"{served.endpoint.id} makes one picture at a time", param="n")
    return body | _sized(document.get("size"), known)


def _sized(size: Any, known: set[str]) -> Document:
    if size in (None, "auto"):
        return {}
    match = _SIZE.fullmatch(size) if isinstance(size, str) else None
    if match is None:
        raise WrongUse("size is WIDTHxHEIGHT, such as 1024x1024, or auto", param="size")
    width, height = int(match[1]), int(match[2])
    if "image_size" in known:
        return {"image_size": {"width": width, "height": height}}
    if "aspect_ratio" in known:
        shared = math.gcd(width, height)
        return {"aspect_ratio": f"{width // shared}:{height // shared}"}
    return {}


def _pictures(document: Document) -> list[str]:
    """From a form's ``image``, or in JSON ``image`` and ``images`` as URLs."""
    return [*_urls(document.get("image")), *_urls(document.get("images"))]


def _urls(value: Any) -> list[str]:
    if value is None:
        return []
    listed = value if isinstance(value, list) else [value]
    found = [one.get("image_url") if isinstance(one, dict) else one for one in listed]
    urls = [url for url in found if isinstance(url, str)]
    if len(urls) != len(found):
        raise WrongUse("a picture is a file of a form, or a URL", param="image")
    return urls


def answer(told: Told) -> Document:
    packed = bool(told.options.get("b64"))
    return {
        "created": told.created,
        "data": [_picture(one, packed=packed) for one in _made(told.output)],
    }


def _made(output: Document) -> list[Document]:
    """``data`` is OpenAI's word, ``images`` and ``image`` are fal's."""
    listed = output.get("data") or output.get("images") or [output.get("image")]
    return [one for one in listed if isinstance(one, dict) and one.get("url")]


def _picture(one: Document, *, packed: bool) -> Document:
    said: Document = {"b64_json": None, "url": None, "revised_prompt": one.get("revised_prompt")}
    data = _inline(one)
    if packed and data is not None:
        return said | {"b64_json": data}
    return said | {"url": one["url"]}


def _inline(one: Document) -> str | None:
    head, comma, data = str(one["url"]).partition(",")
    return data if comma and head.startswith("data:") else None


class Pictures:
    """``image_generation`` or ``image_edit`` events; as many partial ones as were asked for."""

    done = False

    def __init__(self, told: Told, *, event: str) -> None:
        self._told, self._event = told, event
        self._left = int(told.options.get("partials", 0))
        self._index = 0

    def partial(self, output: Document) -> Iterator[Document]:
        for one in _made(output)[: self._left]:
            data = _inline(one)
            if data is not None:
                yield self._said("partial_image", one, data) | {"partial_image_index": self._index}
                self._index += 1
                self._left -= 1

    def end(self, output: Document) -> Iterator[Document]:
        for one in _made(output):
            data = _inline(one)
            if data is not None:
                yield self._said("completed", one, data) | {"usage": None}

    def _said(self, what: str, one: Document, data: str) -> Document:
        width, height = one.get("width"), one.get("height")
        kind = str(one.get("content_type") or "image/png").rpartition("/")[2]
        return {
            "type": f"{self._event}.{what}",
            "b64_json": data,
            "created_at": self._told.created,
            "size": f"{width}x{height}" if width and height else "auto",
            "output_format": kind,
            "background": "auto",
            "quality": "auto",
        }


def _needs_bytes(options: Document) -> bool:
    return bool(options.get("b64"))


GENERATIONS = Operation(
    name="images.generations",
    path="/images/generations",
    tasks=frozenset({_OWN_TASK, "fal/text-to-image"}),
    translate=generation,
    answer=answer,
    narrator=partial(Pictures, event="image_generation"),
    inline=_needs_bytes,
)
EDITS = Operation(
    name="images.edits",
    path="/images/edits",
    tasks=frozenset({"fal/image-edit"}),
    translate=edit,
    answer=answer,
    narrator=partial(Pictures, event="image_edit"),
    inline=_needs_bytes,
    media={"image": "image", "mask": "image"},
)
