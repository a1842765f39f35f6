"""``/api/agents`` and ``/api/agent-runs``: graphs of jobs, kept and run.

::

    keeping.py   agents and their versions          shapes.py   what is sent
    running.py   start a run, look at it, end it    words.py    what is answered, errors
    documents.py all of it for /openapi.json
"""

from __future__ import annotations

from handlers.dialect import Dialect
from handlers.dialects.agents import keeping, running
from handlers.dialects.agents.documents import describe
from handlers.dialects.agents.words import AGENTS, NAME, RUNS, announce

DIALECT = Dialect(
    name=NAME,
    routes=(*keeping.ROUTES, *running.ROUTES),
    announce=announce,
    open_to_browsers=(AGENTS, RUNS),
    describe=describe,
)
