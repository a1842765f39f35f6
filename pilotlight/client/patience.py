"""When to try again, and how long to wait first: pure arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

PASSING: Final = frozenset({429, 502, 503, 504})
"""Answers that say: not now. 502 and 504 come from whatever stands in front of the ingress."""


@dataclass(frozen=True, slots=True)
class Patience:
    """``tries`` in all; between two of them what the server asks for, or twice as long each time."""

    tries: int = 6
    first_s: float = 0.25
    longest_s: float = 30.0

    def after_answer(
        self, tried: int, http_status: int, headers: Mapping[str, str]
    ) -> float | None:
        """Seconds to wait before the next try; None: take the answer as it is."""
        if http_status not in PASSING or tried >= self.tries:
            return None
        asked = _seconds(headers.get("retry-after"))
        return self._backoff(tried) if asked is None else min(asked, self.longest_s)

    def after_silence(self, tried: int) -> float | None:
        """The same when no answer came."""
        return None if tried >= self.tries else self._backoff(tried)

    def _backoff(self, tried: int) -> float:
        return float(min(self.first_s * 2 ** (tried - 1), self.longest_s))


def _seconds(text: str | None) -> float | None:
    """A Retry-After of RFC 9110 as seconds; one that names a date is not heard."""
    return float(text) if text is not None and text.isascii() and text.isdigit() else None
