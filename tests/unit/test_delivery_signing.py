"""Both signature schemes, checked by implementations that are not ours."""

import base64
import hashlib
import time

import nacl.exceptions
import nacl.signing
import pytest
import standardwebhooks

from pilotlight.adapters.local.secrets import FileSecrets
from pilotlight.contracts.webhook import Announcement
from pilotlight.delivery.signing import ROTATION_S, Signer

BODY = '{"request_id":"job-1","payload":{"text":"grüße"}}'.encode()


@pytest.fixture
def signer(tmp_path):
    return Signer(FileSecrets(tmp_path / "secrets"))


def announcement(**changes) -> Announcement:
    base = {
        "id": "wh_job-1_succeeded",
        "request_id": "job-1",
        "url": "https://receiver.test/",
        "body": BODY,
        "caller": "alice",
    }
    return Announcement(**(base | changes))


def verify_key(signer: Signer) -> nacl.signing.VerifyKey:
    (key,) = signer.jwks()["keys"]
    assert (key["kty"], key["crv"]) == ("OKP", "Ed25519")
    return nacl.signing.VerifyKey(base64.urlsafe_b64decode(key["x"] + "=="))


def verify_fal(signer: Signer, headers: dict[str, str], body: bytes) -> None:
    """What fal's receivers do: four lines, the key from the JWKS."""
    message = "\n".join(
        [
            headers["X-Fal-Webhook-Request-Id"],
            headers["X-Fal-Webhook-User-Id"],
            headers["X-Fal-Webhook-Timestamp"],
            hashlib.sha256(body).hexdigest(),
        ]
    )
    signature = bytes.fromhex(headers["X-Fal-Webhook-Signature"])
    verify_key(signer).verify(message.encode(), signature)


def verify_standard(secret: str, headers: dict[str, str], body: bytes = BODY) -> None:
    standardwebhooks.Webhook(secret).verify(body, headers)


def test_the_standard_webhooks_library_accepts_the_delivery(signer):
    now = time.time()
    headers = signer.headers(announcement(), now)
    (secret,) = signer.active_secrets("alice", now)

    verify_standard(secret, headers)
    assert secret.startswith("whsec_")
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    assert headers["webhook-id"] == "wh_job-1_succeeded"


def test_the_standard_webhooks_library_refuses_a_changed_body(signer):
    now = time.time()
    headers = signer.headers(announcement(), now)
    (secret,) = signer.active_secrets("alice", now)

    with pytest.raises(standardwebhooks.WebhookVerificationError):
        verify_standard(secret, headers, BODY + b" ")


def test_a_receiver_of_fals_scheme_accepts_the_delivery_with_the_published_key(signer):
    headers = signer.headers(announcement(), 1_900_000_000.9)

    verify_fal(signer, headers, BODY)
    assert headers["X-Fal-Webhook-Timestamp"] == "1900000000"
    assert len(headers["X-Fal-Webhook-Signature"]) == 128
    with pytest.raises(nacl.exceptions.BadSignatureError):
        verify_fal(signer, headers, BODY + b" ")


def test_the_v1a_signature_is_ed25519_over_id_timestamp_and_body(signer):
    headers = signer.headers(announcement(), 1_900_000_000)
    (asymmetric,) = [
        part for part in headers["webhook-signature"].split(" ") if part.startswith("v1a,")
    ]

    verify_key(signer).verify(
        b"wh_job-1_succeeded.1900000000." + BODY, base64.b64decode(asymmetric[4:])
    )


def test_during_a_rotation_the_old_and_the_new_secret_both_verify(signer):
    now = time.time()
    (old,) = signer.active_secrets("alice", now)
    new = signer.rotate("alice", now)
    headers = signer.headers(announcement(), now)

    assert old != new
    verify_standard(old, headers)
    verify_standard(new, headers)


def test_a_day_after_the_rotation_only_the_new_secret_signs(signer):
    now = time.time()
    (old,) = signer.active_secrets("alice", now)
    new = signer.rotate("alice", now - ROTATION_S)
    headers = signer.headers(announcement(), now)

    verify_standard(new, headers)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        verify_standard(old, headers)


def test_a_second_rotation_ends_the_first_secret_at_once(signer):
    now = time.time()
    (first,) = signer.active_secrets("alice", now)
    second = signer.rotate("alice", now)
    third = signer.rotate("alice", now)

    assert signer.active_secrets("alice", now) == [third, second]
    assert first not in signer.active_secrets("alice", now)


def test_a_rotation_before_the_first_delivery_leaves_one_secret(signer):
    secret = signer.rotate("alice", 1000)

    assert signer.active_secrets("alice", 1000) == [secret]


def test_callers_have_secrets_of_their_own(signer):
    assert signer.active_secrets("alice", 0) != signer.active_secrets("bob", 0)


def test_another_process_signs_with_the_same_keys(signer, tmp_path):
    other = Signer(FileSecrets(tmp_path / "secrets"))

    assert other.jwks() == signer.jwks()
    assert other.active_secrets("alice", 0) == signer.active_secrets("alice", 0)
    assert other.headers(announcement(), 5) == signer.headers(announcement(), 5)


def test_another_process_notices_a_rotation(signer, tmp_path):
    other = Signer(FileSecrets(tmp_path / "secrets"))
    other.headers(announcement(), 0)
    new = signer.rotate("alice", 0)

    assert other.active_secrets("alice", 0)[0] == new


@pytest.mark.parametrize("caller", ["evil\r\nX-Admin: 1", "two\nlines", "名前", "a b@c:d+e"])
def test_no_callers_name_breaks_a_header_or_the_signed_lines(signer, caller):
    headers = signer.headers(announcement(caller=caller), 1)

    assert all(value.isascii() and value.isprintable() for value in headers.values())
    verify_fal(signer, headers, BODY)
