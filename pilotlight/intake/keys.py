"""API keys: how they look, what is kept of them, and who a request is from.

A key is ``pl_live_ID_SECRETCRC``: 8 characters of id, 32 random bytes in base 62 (43 characters)
and a CRC-32 of everything before it (6 characters). The prefix lets secret scanners find leaked
keys; the checksum refuses typing errors without a read. Only an HMAC of the secret under the
deployment's pepper is stored: the secret has 256 bits, so a slow hash would add nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from pilotlight.errors import Unauthenticated
from pilotlight.intake import scopes as scoping
from pilotlight.intake.quotas import Limits, limits_of
from pilotlight.ports.keys import KeyRecord

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pilotlight.ports.clock import Clock
    from pilotlight.ports.keys import KeyStore

PREFIX: Final = "pl_live_"
CACHE_S: Final = 30.0
"""A revoked key is refused after at most this: reliability section 4.1."""
_MOST_CACHED: Final = 10_000
_TOUCH_S: Final = 60.0
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET_LENGTH: Final = 43
_CRC_LENGTH: Final = 6
_ID: Final = r"[0-9A-Za-z]{8}"
_TAIL: Final = rf"[0-9A-Za-z]{{{_SECRET_LENGTH + _CRC_LENGTH}}}"
_WHOLE: Final = re.compile(rf"{PREFIX}({_ID})_({_TAIL})")
_SPLIT: Final = re.compile(rf"(?:{PREFIX})?({_ID}):({_TAIL})")
_BOGUS_HASH: Final = "0" * 64


class Credential(NamedTuple):
    """A key as it was presented: which record it claims to be, and the secret that proves it."""

    key_id: str
    secret: str


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


def _checksum(text: str) -> str:
    return _base62(zlib.crc32(text.encode()), _CRC_LENGTH)


def hash_of(secret: str, pepper: bytes) -> str:
    return hmac.new(pepper, secret.encode(), hashlib.sha256).hexdigest()


def mint(
    *,
    pepper: bytes,
    caller: str,
    name: str,
    now: float,
    expires_at: float | None = None,
    scopes: Iterable[str] = scoping.USUAL,
) -> tuple[str, KeyRecord]:
    """A new key: the text to show once, and the record to keep.

    Raises InvalidInput for a scope that does not exist.
    """
    key_id = "".join(secrets.choice(_ALPHABET) for _ in range(8))
    secret = _base62(int.from_bytes(secrets.token_bytes(32)), _SECRET_LENGTH)
    head = f"{PREFIX}{key_id}_{secret}"
    record = KeyRecord(
        id=key_id,
        caller=caller,
        secret_hash=hash_of(secret, pepper),
        name=name,
        created_at=now,
        expires_at=expires_at,
        scopes=scoping.written(scopes),
    )
    return head + _checksum(head), record


def _literal_id(text: str, pepper: bytes) -> str:
    return "lit_" + hash_of(f"id\0{text}", pepper)[:24]


def _minted(key_id: str, tail: str) -> Credential:
    secret, checksum = tail[:_SECRET_LENGTH], tail[_SECRET_LENGTH:]
    expected = _checksum(f"{PREFIX}{key_id}_{secret}")
    if not hmac.compare_digest(checksum, expected):
        raise Unauthenticated("this key has a typing error in it: its checksum does not match")
    return Credential(key_id, secret)


def parse(text: str, *, pepper: bytes) -> Credential:
    """Read a key in any form a client sends.

    Whole, as ``ID:SECRET`` (how fal's clients join two environment variables), or a text that
    somebody chose. Raises Unauthenticated for a mistyped one.
    """
    match = _WHOLE.fullmatch(text) or _SPLIT.fullmatch(text)
    if match:
        return _minted(match[1], match[2])
    if text.startswith(PREFIX):
        raise Unauthenticated("this key is cut short or has characters too many")
    return Credential(_literal_id(text, pepper), text)


def record_of(text: str, *, pepper: bytes, caller: str, name: str, now: float) -> KeyRecord:
    """The record of a key whose text is there already: chosen by somebody, or minted before.

    It may do all that a caller may. A chosen text has no id of its own, so its id is a keyed hash
    of it. Raises Unauthenticated for a mistyped key.
    """
    credential = parse(text, pepper=pepper)
    return KeyRecord(
        id=credential.key_id,
        caller=caller,
        secret_hash=hash_of(credential.secret, pepper),
        name=name,
        created_at=now,
    )


def presented(authorization: str | None) -> str:
    """The key in an Authorization header. Raises Unauthenticated when there is none."""
    scheme, _, text = (authorization or "").strip().partition(" ")
    text = text.strip()
    if scheme.lower() not in {"key", "bearer"} or not text:
        raise Unauthenticated("send your key as `Authorization: Key YOUR_KEY`")
    return text


class Known(NamedTuple):
    """Who a key belongs to and what it may do."""

    caller: str
    scopes: frozenset[str]
    limits: Limits | None = None
    """The caller's quotas as this key says them; None leaves them to the settings."""


class Remembered(NamedTuple):
    known: Known
    until: float


@dataclass(slots=True)
class Authenticate:
    """Who sent this request. Answers are remembered for at most :data:`CACHE_S`."""

    keys: KeyStore
    clock: Clock
    pepper: bytes
    _known: dict[bytes, Remembered] = field(default_factory=dict)
    _touched: dict[str, float] = field(default_factory=dict)

    def __call__(self, authorization: str | None) -> Known:
        """Raises Unauthenticated for an unknown, mistyped, revoked or old key."""
        known = self.remembered(authorization)
        if known is not None:
            return known
        text = presented(authorization)
        record = self._proven(parse(text, pepper=self.pepper))
        now = self.clock.now()
        until = min(now + CACHE_S, record.expires_at or now + CACHE_S)
        if len(self._known) >= _MOST_CACHED:
            self._known.clear()
        known = Known(record.caller, scoping.read(record.scopes), limits_of(record))
        self._known[self._digest(text)] = Remembered(known, until)
        self._touch(record.id, now)
        return known

    def remembered(self, authorization: str | None) -> Known | None:
        """The same if this key was checked a moment ago: never waits for a store."""
        digest = self._digest(presented(authorization))
        found = self._known.get(digest)
        if found is None:
            return None
        if found.until > self.clock.now():
            return found.known
        self._known.pop(digest, None)
        return None

    def _digest(self, text: str) -> bytes:
        # Keyed, so that the cache holds nothing that can be sent to us. BLAKE2, because this is in
        # every request's way and OpenSSL's HMAC lets the interpreter lock go and waits for it.
        return hashlib.blake2b(text.encode(), key=self.pepper[:64], digest_size=32).digest()

    def _proven(self, credential: Credential) -> KeyRecord:
        record = self.keys.find(credential.key_id)
        given = hash_of(credential.secret, self.pepper)
        # An unknown id compares too, so that time does not tell which ids exist.
        matches = hmac.compare_digest(given, record.secret_hash if record else _BOGUS_HASH)
        if record is None or not matches:
            raise Unauthenticated("nobody knows this key")
        if record.revoked_at is not None:
            raise Unauthenticated("this key was revoked")
        if record.expires_at is not None and record.expires_at <= self.clock.now():
            raise Unauthenticated("this key has expired")
        return record

    def _touch(self, key_id: str, now: float) -> None:
        if now - self._touched.get(key_id, 0.0) >= _TOUCH_S:
            self._touched[key_id] = now
            self.keys.touch(key_id, now=now)
