"""Whether the terminal's owner wants no colours, by the convention of no-color.org."""

from __future__ import annotations

import os


def plain() -> bool:
    """``NO_COLOR`` is set and not empty. What draws with rich looks by itself."""
    return bool(os.environ.get("NO_COLOR"))  # noqa: TID251 - a wish of the terminal's, no setting
