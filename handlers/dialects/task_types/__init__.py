"""``/v1/tasks``: any endpoint by what it does, ``{"task": TYPE, "model": NAME, "payload": {...}}``.

Wire facts: the task types of docs.casola.ai/reference/task-types, whose graph nodes have this form;
sync ones answer with their output, the others with a request id. How it writes errors, and the
record of a request, is not published: errors are OpenAI's, statuses those of its reference worker
server (pending, running, completed, failed).

::

    naming.py     task type and model -> endpoint    words.py   a job -> a record, errors
    documents.py  all of it for /openapi.json        calls.py   submit, read, cancel, the table
"""

from __future__ import annotations

from handlers.dialect import Dialect
from handlers.dialects.task_types import calls, words
from handlers.dialects.task_types.documents import describe

DIALECT = Dialect(
    name=words.NAME,
    routes=calls.ROUTES,
    announce=words.record,
    open_to_browsers=(calls.PATH, calls.POLLED + "/"),
    describe=describe,
)
