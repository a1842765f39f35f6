"""Is this webhook really from the house? Checked as a receiver checks, not as the sender signs."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

import standardwebhooks
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

if TYPE_CHECKING:
    from demo.receiver import Posted


def fal_signature_holds(posted: Posted, jwks: dict[str, Any]) -> bool:
    """fal's scheme: Ed25519 over four lines, with any key of the published set."""
    part = "x-fal-webhook-"
    lines = (
        posted.headers[part + "request-id"],
        posted.headers[part + "user-id"],
        posted.headers[part + "timestamp"],
        hashlib.sha256(posted.body).hexdigest(),
    )
    signature = bytes.fromhex(posted.headers[part + "signature"])
    return any(_verifies(key["x"], signature, "\n".join(lines).encode()) for key in jwks["keys"])


def _verifies(x: str, signature: bytes, signed: bytes) -> bool:
    public = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(x + "=" * (-len(x) % 4)))
    try:
        public.verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def standard_signature_holds(posted: Posted, secret: str) -> bool:
    """Standard Webhooks, by their own library."""
    try:
        standardwebhooks.Webhook(secret).verify(posted.body, posted.headers)
    except standardwebhooks.WebhookVerificationError:
        return False
    return True
