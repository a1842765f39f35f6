"""Where OpenAI's paths are served: below both of its prefixes."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.routing import BaseRoute, Route

from handlers.dialect import Endpoint

DIALECT_NAME = "openai"
PREFIXES = ("/v1", "/openai/v1")


def at(path: str, endpoint: Endpoint, *methods: str) -> Sequence[BaseRoute]:
    return [Route(prefix + path, endpoint, methods=methods) for prefix in PREFIXES]


def prefix_of(path: str) -> str:
    """The prefix that a request came in by: what we give out stays below it."""
    return next((one for one in reversed(PREFIXES) if path.startswith(one + "/")), PREFIXES[0])
