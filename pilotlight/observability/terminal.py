"""What a terminal is shown: in colours or not, and no words of others that it would obey."""

from __future__ import annotations

import os
import re
from typing import Final

_OBEYED: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Control characters but the tab and the end of a line; and those that turn the writing round."""


def plain() -> bool:
    """``NO_COLOR`` is set and not empty. What draws with rich looks by itself."""
    return bool(os.environ.get("NO_COLOR"))  # noqa: TID251 - a wish of the terminal's, no setting


def harmless(text: str) -> str:
    """With ``\\x1b`` in words where it stands: a model prints its caller's prompt, and a prompt may
    retitle the window of whoever reads the log, or fill their clipboard."""
    return _OBEYED.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
