"""OpenAI's wire format, for its Python and JavaScript clients as they are.

::

    places.py      where it is served           calls.py       a request -> a job -> an answer
    operation.py   what a call is made of       replies.py     a finished job -> a reply
    operations.py  all calls                    streams.py     partial outputs -> events
    chat.py, completions.py, embeddings.py,     live.py        pieces of sound -> bytes
    speech.py, transcripts.py, images.py,       requests.py    calls that nobody waits for
    moderations.py, ranking.py, cohere.py:      models.py      what can be called
    translations
    forms.py, uploads.py: multipart             files.py       what a caller keeps here
    errors.py      an error -> its body         announce.py    a finished job -> a webhook
    documents.py   the routes in OpenAPI        batches.py     many calls in a file
    lists.py       a page of files or batches   batch_lines.py its lines, there and back
    batch_words.py a batch as an object         unserved.py    paths that are not here
    responses.py, response_input.py, response_events.py, response_routes.py,
    response_earlier.py: OpenAI's newer chat

Wire facts: https://platform.openai.com/docs/api-reference.
"""

from __future__ import annotations

from handlers.dialect import Dialect, Documented
from handlers.dialects.openai import (
    batches,
    calls,
    cohere,
    files,
    models,
    operations,
    requests,
    response_routes,
)
from handlers.dialects.openai.announce import announce
from handlers.dialects.openai.batch_lines import BatchLines
from handlers.dialects.openai.places import DIALECT_NAME, PREFIXES
from handlers.dialects.openai.unserved import unserved


def describe(endpoint_id: str | None, name: str) -> Documented:  # noqa: ARG001 - Describe's
    """See :class:`handlers.dialect.Describe`."""
    # Models of every task type: for whoever asks for the document, not for every start.
    from handlers.dialects.openai import documents  # noqa: PLC0415

    return documents.describe(endpoint_id)


DIALECT = Dialect(
    name=DIALECT_NAME,
    routes=(
        *(route for operation in operations.ALL for route in calls.route(operation)),
        *files.ROUTES,
        *batches.ROUTES,
        *models.ROUTES,
        *requests.ROUTES,
        *response_routes.ROUTES,
    ),
    announce=announce,
    open_to_browsers=(*(f"{prefix}/" for prefix in PREFIXES), cohere.RERANK.url),
    tasks=operations.TASKS,
    describe=describe,
    lines=BatchLines,
    unserved=unserved,
)
