"""``/api``: our own words, with everything a caller may do.

::

    jobs.py       submit, look, cancel, do again     shapes.py     what is sent and answered
    listing.py    which jobs, page by page           words.py      a job -> its shape
    events.py     a job's life as it happens         errors.py     an error -> its shape
    endpoints.py  what can be called, and how        documents.py  all of it for /openapi.json
    files.py      bring files, lend their URLs       webhooks.py   deliveries, and once more
    keys.py       make, replace and end keys
"""

from __future__ import annotations

from handlers.dialect import Dialect
from handlers.dialects.native import documents, endpoints, events, files, jobs, keys, webhooks
from handlers.dialects.native.words import NAME, announce

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
    describe=documents.describe,
)
