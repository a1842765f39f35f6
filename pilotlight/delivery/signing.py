"""Signatures that let a receiver know an announcement is ours: two schemes on one delivery.

- Standard Webhooks: ``webhook-signature`` lists, separated by spaces, one ``v1`` (HMAC-SHA256) for
  each secret of the caller that is active, and one ``v1a`` (Ed25519); signed is
  ``id.timestamp.body``.
- fal: ``X-Fal-Webhook-Signature`` is the hex Ed25519 of four lines: request id, user id,
  timestamp, hex SHA-256 of the body. Receivers read the public key from the JWKS.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets as chance
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from pilotlight.contracts.webhook import Announcement
    from pilotlight.ports.secrets import Secrets

ROTATION_S: Final = 24 * 3600
"""How long the secret before the newest still signs: receivers change theirs within a day."""
_SECRET_BYTES: Final = 32
_KEY_NAME: Final = "webhook-ed25519"


def new_secret() -> str:
    """``whsec_`` and 32 random bytes in base64."""
    return "whsec_" + base64.b64encode(chance.token_bytes(_SECRET_BYTES)).decode()


def standard_hmac(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def standard_headers(
    announcement: Announcement, *, at: int, active: Sequence[str], key: Ed25519PrivateKey
) -> dict[str, str]:
    signed = f"{announcement.id}.{at}.".encode() + announcement.body
    asymmetric = "v1a," + base64.b64encode(key.sign(signed)).decode()
    return {
        "webhook-id": announcement.id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(
            [*(standard_hmac(secret, signed) for secret in active), asymmetric]
        ),
    }


def fal_headers(announcement: Announcement, *, at: int, key: Ed25519PrivateKey) -> dict[str, str]:
    user = quote(announcement.caller, safe="@:+ ")  # a line of what is signed, and a header
    digest = hashlib.sha256(announcement.body).hexdigest()
    lines = "\n".join((announcement.request_id, user, str(at), digest))
    return {
        "X-Fal-Webhook-Request-Id": announcement.request_id,
        "X-Fal-Webhook-User-Id": user,
        "X-Fal-Webhook-Timestamp": str(at),
        "X-Fal-Webhook-Signature": key.sign(lines.encode()).hex(),
    }


class Signer:
    """Signs for every caller; makes the secrets when they are first needed."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._key: Ed25519PrivateKey | None = None

    def headers(self, announcement: Announcement, now: float) -> dict[str, str]:
        """Both schemes' headers for one posting at ``now``."""
        at, key = int(now), self._signing_key()
        active = self.active_secrets(announcement.caller, now)
        return {
            **standard_headers(announcement, at=at, active=active, key=key),
            **fal_headers(announcement, at=at, key=key),
        }

    def active_secrets(self, caller: str, now: float) -> list[str]:
        """The caller's ``whsec_`` secrets that sign at ``now``, the newest first."""
        kept = self._secrets.get_or_create(_ring_name(caller), _first_ring)
        return [secret for secret, until in _ring(kept) if until is None or until > now]

    def rotate(self, caller: str, now: float) -> str:
        """A new secret for the caller; the one before signs beside it for 24 hours more."""
        secret = new_secret()

        def change(kept: bytes | None) -> bytes:
            older = _ring(kept) if kept else []
            ends = [(old, now + ROTATION_S if until is None else until) for old, until in older]
            live = [(old, until) for old, until in ends if until > now]
            # Two are active at most: a leaked one is gone after a second rotation.
            return json.dumps([(secret, None), *live[:1]]).encode()

        self._secrets.update(_ring_name(caller), change)
        return secret

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """What ``/.well-known/jwks.json`` answers."""
        public = self._signing_key().public_key().public_bytes_raw()
        x = base64.urlsafe_b64encode(public).rstrip(b"=").decode()
        kid = hashlib.sha256(public).hexdigest()[:16]
        key = {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "use": "sig", "alg": "EdDSA"}
        return {"keys": [key]}

    def _signing_key(self) -> Ed25519PrivateKey:
        if self._key is None:
            # Loaded by the first webhook: it costs an idle process 10 MB.
            from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
                Ed25519PrivateKey,
            )

            seed = self._secrets.get_or_create(_KEY_NAME, lambda: chance.token_bytes(32))
            self._key = Ed25519PrivateKey.from_private_bytes(seed)
        return self._key


def _ring_name(caller: str) -> str:
    return "webhook-hmac-" + hashlib.sha256(caller.encode()).hexdigest()[:40]


def _first_ring() -> bytes:
    return json.dumps([(new_secret(), None)]).encode()


def _ring(kept: bytes) -> list[tuple[str, float | None]]:
    """Secrets, newest first, each with when it stops to sign."""
    return [(secret, until) for secret, until in json.loads(kept)]
