"""fal's wire format, for its Python and JavaScript clients as they are.

::

    paths.py     what a URL names              run.py      fal.run: call and wait
    wishes.py    headers -> a Submission       stream.py   fal.run: partial outputs
    words.py     a job -> a status object      queue.py    queue.fal.run
    errors.py    an error -> one of two bodies storage.py  rest.fal.ai, v3.fal.media
    answers.py   a finished job -> a reply     tokens.py   rest.fal.ai: tokens
    announce.py  a finished job -> a webhook   relay.py    the JavaScript client's proxyUrl
    realtime.py  fal.run over a WebSocket      access.py   who may call which endpoint
    history.py   attempts -> lines of a status retries.py  X-Fal-Retry-Config
    tags.py      X-Fal-Tags

One port serves all four hosts: below ``/run``, ``/queue``, ``/rest`` and ``/cdn``, by Host
header, or by the URL in ``x-fal-target-url``.
"""

from __future__ import annotations

from starlette.routing import Route

from handlers import jwks
from handlers.dialect import Dialect
from handlers.dialects.fal import queue, realtime, relay, run, storage, tokens
from handlers.dialects.fal.announce import announce
from handlers.dialects.fal.wishes import CDN, DIALECT_NAME, QUEUE, REST, RUN

DIALECT = Dialect(
    name=DIALECT_NAME,
    routes=(
        *queue.ROUTES,
        *relay.ROUTES,
        *storage.ROUTES,
        *tokens.ROUTES,
        *run.ROUTES,
        *realtime.ROUTES,
        Route(REST + jwks.PATH, jwks.jwks),
    ),
    announce=announce,
    open_to_browsers=(QUEUE, RUN, REST, CDN, relay.PATH),
    hosts={
        "queue.fal.run": QUEUE,
        "fal.run": RUN,
        "rest.fal.ai": REST,
        "v3.fal.media": CDN,
    },
    relays={relay.PATH: relay.HEADER},
)
