"""Documents about what is served: nobody needs a key for them, and half a second of work is in one.

They are the same for everybody but for the address at which each reader found us, so each is made
once, about a site of no meaning, and the reader's own takes its place.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from starlette.requests import Request

SITE: Final = "https://site.invalid"
"""No host can have this name: RFC 6761."""


class MadeOnce:
    """Any thread may ask; of those that come at once one makes it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._texts: dict[str, str] = {}

    def __call__(self, name: str, make: Callable[[str], str], *, site: str) -> str:
        """What ``make`` gives for ``site``, which is written as it stands in the text. Raises what
        ``make`` raises; then there is nothing to keep."""
        text = self._texts.get(name)
        if text is None:
            with self._lock:
                text = self._texts.get(name)
                if text is None:
                    text = self._texts[name] = make(SITE)
        return text.replace(SITE, site)


def made_once(request: Request) -> MadeOnce:
    found: MadeOnce = request.app.state.made_once
    return found
