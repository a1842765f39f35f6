"""A page of a list, as ``GET /files`` and ``GET /batches`` answer with it."""

from __future__ import annotations

from typing import Any

from handlers.dialects.openai.errors import WrongUse


def limit_of(text: str | None, *, usual: int, most: int) -> int:
    """Rows in the page. Raises WrongUse, beyond ``most`` and for what is no number."""
    if text is None:
        return usual
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= most):
        raise WrongUse(f"limit is from 1 to {most}", param="limit")
    return int(text)


def listed(shown: list[dict[str, Any]], *, more: bool) -> dict[str, Any]:
    """``more``: there are others behind the last one shown."""
    return {
        "object": "list",
        "data": shown,
        "has_more": more,
        "first_id": shown[0]["id"] if shown else None,
        "last_id": shown[-1]["id"] if shown else None,
    }
