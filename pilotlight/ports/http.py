"""Outbound HTTP. Nothing else may open an outbound connection (reliability section 4.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that was fetched to ``path``; ``content_type`` comes from its first bytes."""

    path: Path
    size: int
    sha256: str
    content_type: str
    file_name: str


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    """Lower-case names."""


class Fetcher(Protocol):
    def fetch(
        self, url: str, *, kind: str, max_bytes: int, into: Path, within_s: float | None = None
    ) -> Fetched:
        """GET through the guard into a new file in the folder.

        ``within_s`` is for those who are less patient than the settings.

        Raises FetchFailed with one of six reasons: ``bad_url``, ``refused_address``,
        ``unreachable``, ``bad_status``, ``too_large``, ``wrong_type``.
        """
        ...


class Poster(Protocol):
    def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Reply:
        """POST through the guard; redirects are not followed.

        Raises FetchFailed when no answer came within the limits.
        """
        ...
