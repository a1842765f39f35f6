"""API keys: only their keyed hash is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    id: str
    caller: str
    secret_hash: str
    """HMAC-SHA256 of the secret with the deployment's pepper, hex."""
    name: str = ""
    created_at: float
    expires_at: float | None = None
    revoked_at: float | None = None
    last_used_at: float | None = None
    """To the minute."""
    scopes: str | None = None
    """Words divided by spaces; None for all that a caller may, as before there were scopes."""
    requests_per_s: float | None = None
    burst: int | None = None
    queued_jobs: int | None = None
    """Its caller's quotas where they are not the deployment's: :mod:`pilotlight.intake.quotas`."""


class KeyStore(Protocol):
    def find(self, key_id: str) -> KeyRecord | None: ...

    def add(self, record: KeyRecord) -> None:
        """Raises IllegalTransition when the id exists."""
        ...

    def list_keys(self) -> list[KeyRecord]:
        """Newest first."""
        ...

    def revoke(self, key_id: str, *, now: float) -> bool:
        """Whether such a live key was there."""
        ...

    def end(self, key_id: str, *, at: float) -> bool:
        """Let a live key live no longer than that; whether it would have."""
        ...

    def touch(self, key_id: str, *, now: float) -> None:
        """Remember that the key was used."""
        ...
