"""Short-lived tokens: what a caller gives to somebody who must not have the key.

A token says who it was minted for, what it may be used for and until when, and is signed; nothing
is stored, so it cannot be revoked: keep lifetimes short.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pilotlight.errors import Unauthenticated

if TYPE_CHECKING:
    from pilotlight.ports.clock import Clock

MOST_S: Final = 24 * 3600.0
"""No token lives longer."""
_MAC_BYTES: Final = 32


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass(frozen=True, slots=True)
class Tokens:
    secret: bytes
    clock: Clock

    def mint(self, caller: str, scope: str, ttl_s: float) -> str:
        """``scope`` holds one or several words, divided by spaces."""
        expires_at = round(self.clock.now() + min(ttl_s, MOST_S), 3)
        claims = json.dumps([caller, scope, expires_at], separators=(",", ":")).encode()
        return _encoded(self._mac(claims) + claims)

    def verify(self, token: str, scope: str) -> str:
        """The caller it was minted for.

        Raises Unauthenticated for a forged or outdated token, or one without this scope.
        """
        caller, scopes, expires_at = self._claims(token)
        if expires_at <= self.clock.now():
            raise Unauthenticated("this token has expired")
        if scope not in scopes.split(" "):
            raise Unauthenticated(f"this token is not good for {scope}")
        return caller

    def _mac(self, claims: bytes) -> bytes:
        return hmac.new(self.secret, b"token\0" + claims, hashlib.sha256).digest()

    def _claims(self, token: str) -> tuple[str, str, float]:
        try:
            raw = _decoded(token)
        except (binascii.Error, ValueError):
            raise Unauthenticated("this is not a token of ours") from None
        mac, claims = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(claims)):
            raise Unauthenticated("this is not a token of ours")
        caller, scope, expires_at = json.loads(claims)
        return caller, scope, expires_at
