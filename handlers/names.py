"""Names that callers choose, made harmless."""

from __future__ import annotations

import re
from typing import Final

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST: Final = 100
_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)


def file_name(given: str) -> str:
    """The last part of a path in any system's writing, in characters that need no quoting.

    Empty when nothing of it can stay. A name in other letters keeps its extension, which tells
    people and models what the file is.
    """
    last = re.split(r"[/\\]", given)[-1]
    safe = _UNSAFE.sub("_", last).strip("._")
    stem, dot, kind = last.rpartition(".")
    if dot and stem.strip("._ ") and safe == kind:
        return f"file.{safe}"[-_LONGEST:]
    return safe[-_LONGEST:]


def as_id(given: object) -> str | None:
    """An id out of a URL that a header may repeat; None for what could break the header."""
    text = str(given or "")
    return text if _ID.fullmatch(text) else None
