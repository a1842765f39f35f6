"""The URL that a caller wants a webhook posted to."""

from __future__ import annotations

from urllib.parse import urlsplit

from pilotlight.errors import InvalidInput, Problem

LONGEST = 2048


def receiver(url: str | None, *loc: str) -> str | None:
    """``url`` as it is. Raises InvalidInput that names ``loc`` when it is not one we could post to.

    Whether its host may be reached is looked at when the webhook is posted.
    """
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        good = False
    if good and len(url) <= LONGEST and url.isascii() and url.isprintable():
        return url
    problem = Problem(loc, "must be an http(s) URL", "url_parsing", given=url[:500])
    raise InvalidInput(f"{loc[-1]} {problem.message}", problem)
