"""A caller's own keys: see them, make more that may do no more, replace them, end them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pilotlight.errors import NotFound, Unauthorised
from pilotlight.intake.keys import mint
from pilotlight.intake.scopes import read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pilotlight.intake.keys import Known
    from pilotlight.ports.clock import Clock
    from pilotlight.ports.keys import KeyRecord, KeyStore

_QUOTAS = ("requests_per_s", "burst", "queued_jobs")


class UnknownKey(NotFound):
    """No key by that id for this caller."""

    code = "unknown_key"


def is_live(record: KeyRecord, now: float) -> bool:
    over = record.expires_at is not None and record.expires_at <= now
    return record.revoked_at is None and not over


def successor(
    old: KeyRecord, *, pepper: bytes, now: float, expires_at: float | None
) -> tuple[str, KeyRecord]:
    """A new key that may do what an old one may: the text to show once, the record to keep."""
    text, record = mint(
        pepper=pepper,
        caller=old.caller,
        name=old.name,
        now=now,
        expires_at=expires_at,
        scopes=sorted(read(old.scopes)),
    )
    return text, replace(record, **{name: getattr(old, name) for name in _QUOTAS})


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys of whoever shows one of them. Another caller's key is as unknown as none."""

    keys: KeyStore
    clock: Clock
    pepper: bytes

    def listed(self, caller: str) -> list[KeyRecord]:
        """Newest first, ended ones too."""
        return [record for record in self.keys.list_keys() if record.caller == caller]

    def make(
        self, by: Known, *, name: str, scopes: Sequence[str], expires_at: float | None
    ) -> tuple[str, KeyRecord]:
        """Raises Unauthorised for a scope that the maker's own key lacks, InvalidInput for none."""
        now = self.clock.now()
        text, record = mint(
            pepper=self.pepper,
            caller=by.caller,
            name=name,
            now=now,
            expires_at=expires_at,
            scopes=scopes,
        )
        _no_more_than(by, read(record.scopes))
        if by.limits is not None:
            record = replace(record, **{name: getattr(by.limits, name) for name in _QUOTAS})
        self.keys.add(record)
        return text, record

    def rotate(
        self, by: Known, key_id: str, *, overlap_s: float, expires_at: float | None
    ) -> tuple[str, KeyRecord]:
        """A key like the old one, which ends after ``overlap_s``. Raises UnknownKey, Unauthorised."""
        now = self.clock.now()
        old = self._live(by, key_id, now)
        _no_more_than(by, read(old.scopes))
        text, record = successor(old, pepper=self.pepper, now=now, expires_at=expires_at)
        self.keys.add(record)
        self.keys.end(key_id, at=now + overlap_s)
        return text, record

    def revoke(self, by: Known, key_id: str) -> KeyRecord:
        """The record afterwards. Raises UnknownKey when no live key of theirs has the id."""
        now = self.clock.now()
        old = self._live(by, key_id, now)
        self.keys.revoke(key_id, now=now)
        return replace(old, revoked_at=now)

    def _live(self, by: Known, key_id: str, now: float) -> KeyRecord:
        record = self.keys.find(key_id)
        if record is None or record.caller != by.caller or not is_live(record, now):
            raise UnknownKey("no live key has this id")
        return record


def _no_more_than(by: Known, scopes: frozenset[str]) -> None:
    lacking = sorted(scopes - by.scopes)
    if lacking:
        raise Unauthorised(f"your key lacks {lacking[0]}, so it cannot give it away")
