"""fal's webhook check, written from its documentation and apart from the code that signs."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

if TYPE_CHECKING:
    from tests.receiver import Posted


def fal_signature_holds(posted: Posted, jwks: dict[str, Any]) -> bool:
    part = "x-fal-webhook-"
    lines = [
        posted.headers[part + "request-id"],
        posted.headers[part + "user-id"],
        posted.headers[part + "timestamp"],
        hashlib.sha256(posted.body).hexdigest(),
    ]
    signature = bytes.fromhex(posted.headers[part + "signature"])
    for key in jwks["keys"]:
        raw = base64.urlsafe_b64decode(key["x"] + "=" * (-len(key["x"]) % 4))
        try:
            VerifyKey(raw).verify("\n".join(lines).encode(), signature)
        except BadSignatureError:
            continue
        return True
    return False
