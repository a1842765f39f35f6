"""Names of files that callers choose, made harmless."""

from __future__ import annotations

import re
from typing import Final

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST: Final = 100


def file_name(given: str) -> str:
    """The last part of a path in any system's writing, in characters that need no quoting.

    Empty when nothing of it can stay.
    """
    last = re.split(r"[/\\]", given)[-1]
    return _UNSAFE.sub("_", last).strip("._")[-_LONGEST:]
