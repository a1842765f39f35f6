"""A dropped file as the input of a job."""

from __future__ import annotations

import codecs
import json
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from pilotlight.contracts.media import slots
from pilotlight.contracts.sniff import HEAD_BYTES, sniff
from pilotlight.errors import InvalidInput, MalformedBody, Problem
from pilotlight.intake import strict
from pilotlight.intake.drop.naming import DEFAULTS, defaults_beside
from pilotlight.intake.media_limits import takes

if TYPE_CHECKING:
    from pydantic import BaseModel

    from pilotlight.catalogue import Catalogue
    from pilotlight.ports.blobs import Blobs
    from pilotlight.ports.clock import Clock
    from pilotlight.ports.drop import DropFolder, Dropped

MOST_MEDIA_BYTES = 5 * 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class Shaping:
    folder: DropFolder
    blobs: Blobs
    catalogue: Catalogue
    clock: Clock
    most_bytes: int
    """Of a JSON document."""
    keep_s: float
    """How long our copy of a file outlives its submit."""

    def document(self, dropped: Dropped) -> bytes:
        """A JSON file as it is, but for the mark that Windows begins a text with.

        Raises InvalidInput, Replaced.
        """
        if dropped.size == 0:
            raise _wrong((), "empty_file", "the file is empty")
        if dropped.size > self.most_bytes:
            raise _wrong((), "file_too_large", f"the file has more than {self.most_bytes} bytes")
        return b"".join(self.folder.read(dropped)).removeprefix(codecs.BOM_UTF8)

    def with_media(self, dropped: Dropped, endpoint: str, *, caller: str, key: str) -> bytes:
        """A media file in the field that takes it, and what lies beside it for the others.

        Raises InvalidInput, Replaced.
        """
        if dropped.size == 0:
            raise _wrong((), "empty_file", "the file is empty")
        if dropped.size > MOST_MEDIA_BYTES:
            raise _wrong((), "file_too_large", "the file has more than 5 GiB")
        others = self._defaults(dropped)
        chunks = self.folder.read(dropped)
        head = next(chunks, b"")
        model = self.catalogue.endpoint(endpoint).endpoint.input
        content_type = sniff(head[:HEAD_BYTES])
        field, is_list = _field(model, content_type, others, endpoint)
        place = f"inputs/{caller}/drop-{key}"
        self.blobs.put(
            place,
            chain((head,), chunks),
            content_type=content_type or "application/octet-stream",
            expires_at=self.clock.now() + self.keep_s,
            max_bytes=MOST_MEDIA_BYTES,
        )
        url = self.blobs.get_url(place, base_url="http://localhost", expires_at=None)
        return json.dumps({**others, field: [url] if is_list else url}).encode()

    def _defaults(self, dropped: Dropped) -> dict[str, Any]:
        found = self.folder.look(defaults_beside(dropped.key))
        if found is None:
            return {}
        try:
            text = self.document(found)
            strict.check(text)
            said = json.loads(text)
        except MalformedBody as error:
            raise _wrong((DEFAULTS,), "json_invalid", f"{DEFAULTS}: {error}") from None
        if not isinstance(said, dict):
            raise _wrong((DEFAULTS,), "model_type", f"{DEFAULTS} is not an object")
        return said


def _field(
    model: type[BaseModel], content_type: str | None, others: dict[str, Any], endpoint: str
) -> tuple[str, bool]:
    """Name of the field, and whether it holds a list."""
    fit = [one for one in slots(model) if one.name not in others and takes(one.media, content_type)]
    needed = [one for one in fit if one.required]
    if len(needed) == 1 or (not needed and len(fit) == 1):
        return (needed or fit)[0].name, (needed or fit)[0].is_list
    if not fit:
        what = content_type or "a file like this"
        raise _wrong((), "wrong_format", f"no field of {endpoint} takes {what}")
    names = ", ".join(one.name for one in fit)
    said = f"{names} take such a file: give all but one of them in {DEFAULTS}"
    raise _wrong((fit[0].name,), "ambiguous_field", said)


def _wrong(loc: tuple[str, ...], code: str, message: str) -> InvalidInput:
    return InvalidInput(message, Problem(("body", *loc), message, code))
