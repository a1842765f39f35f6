"""What a key may do. Every route names the one scope it needs; a key without it is refused.

A scope is added here together with the first route that needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, get_args

from pilotlight.errors import InvalidInput, Unauthorised

if TYPE_CHECKING:
    from collections.abc import Iterable

Scope = Literal["jobs:write", "jobs:read", "jobs:cancel", "keys:manage"]
"""Submit, run, upload and hand out tokens; look at jobs and results; end jobs; make, rotate and
revoke keys of one's own."""
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
USUAL: Final = tuple(scope for scope in SCOPES if scope != "keys:manage")
"""What a key may do that nobody thought about: whoever finds it cannot make himself another."""
EVERY: Final = frozenset[str](SCOPES)


def read(text: str | None) -> frozenset[str]:
    """A key record's scopes; a key without a word about them may do all that a caller may."""
    return EVERY if text is None else frozenset(text.split())


def written(scopes: Iterable[str]) -> str:
    """As a key record keeps them. Raises InvalidInput for one that does not exist."""
    wanted = list(scopes)
    for scope in wanted:
        if scope not in EVERY:
            raise InvalidInput(f"there is no scope {scope!r}; there are {', '.join(SCOPES)}")
    return " ".join(scope for scope in SCOPES if scope in wanted)


def require(scope: Scope, scopes: frozenset[str]) -> None:
    """Raises Unauthorised."""
    if scope not in scopes:
        raise Unauthorised(f"this key may not do that: it lacks the scope {scope}", scope=scope)
