"""``/api``: our own words, with everything a caller may do.

::

    jobs.py       submit, look, cancel, do again     wishes.py     bodies that are taken
    listing.py    which jobs, page by page           words.py      a job -> its shape
    events.py     a job's life as it happens         errors.py     an error -> its shape
    endpoints.py  what can be called, and how        documents.py  all of it for /openapi.json
    files.py      bring files, lend their URLs       shapes.py     what is given, for that alone
    keys.py       make, replace and end keys         webhooks.py   deliveries, and once more
"""

from __future__ import annotations

from handlers.dialect import Dialect, Documented
from handlers.dialects.native import endpoints, events, files, jobs, keys, webhooks
from handlers.dialects.native.words import NAME, announce


def describe(endpoint_id: str | None, name: str) -> Documented:
    """See :class:`handlers.dialect.Describe`."""
    # Thirty models, 10 ms and more: for whoever asks for the document, not for every start.
    from handlers.dialects.native import documents  # noqa: PLC0415

    return documents.describe(endpoint_id, name)


DIALECT = Dialect(
    name=NAME,
    routes=(
        *jobs.ROUTES,
        *events.ROUTES,
        *endpoints.ROUTES,
        *files.ROUTES,
        *webhooks.ROUTES,
        *keys.ROUTES,
    ),
    announce=announce,
    open_to_browsers=tuple(
        f"/api/{name}" for name in ("jobs", "endpoints", "files", "webhooks", "keys")
    ),
    describe=describe,
)
