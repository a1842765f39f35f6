"""Certificates of this machine, for clients that insist on TLS.

One authority per data folder, to be trusted once; it signs a certificate for this machine's own
names and for the hosts that fal's clients have built in. ``trustme`` loads only to make them.
"""

from __future__ import annotations

import datetime
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

NAMES: Final = (
    "localhost",
    "127.0.0.1",
    "::1",
    "fal.run",
    "queue.fal.run",
    "rest.fal.ai",
    "v3.fal.media",
)
_DAYS: Final = 397
"""Longer ones are refused by browsers: CA/Browser Forum baseline requirements, 6.3.2."""
_RENEW_DAYS: Final = 30
_DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Certificates:
    authority: Path
    """What clients have to trust."""
    server: Path
    """The server's key, its certificate and the chain: for the owner's eyes only."""


def certificates(folder: Path, *, now: float) -> Certificates:
    """Those in the folder; made when missing, renewed when old or made for other names.

    The authority stays the same as long as its two files are there.
    """
    found = Certificates(folder / "ca.pem", folder / "server.pem")
    if not _is_good(found, now=now):
        _make(folder, found, now=now)
    return found


def _is_good(found: Certificates, *, now: float) -> bool:
    from cryptography import x509  # noqa: PLC0415 - only a server that speaks TLS pays for it

    if not (found.authority.exists() and found.server.exists()):
        return False
    try:
        certificate = x509.load_pem_x509_certificates(found.server.read_bytes())[0]
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return False
    made_for = {
        *names.get_values_for_type(x509.DNSName),
        *map(str, names.get_values_for_type(x509.IPAddress)),
    }
    left_s = certificate.not_valid_after_utc.timestamp() - now
    return made_for == set(NAMES) and left_s > _RENEW_DAYS * _DAY_S


def _make(folder: Path, wanted: Certificates, *, now: float) -> None:
    import trustme  # noqa: PLC0415 - 40 ms that only the first start pays

    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = folder / "ca.key"
    if key.exists() and wanted.authority.exists():
        authority = trustme.CA.from_pem(wanted.authority.read_bytes(), key.read_bytes())
    else:
        authority = trustme.CA(organization_name="Pilotlight on this machine")
        _write(key, authority.private_key_pem.bytes())
        _write(wanted.authority, authority.cert_pem.bytes())
    today = datetime.datetime.fromtimestamp(now, tz=datetime.UTC)
    leaf = authority.issue_cert(
        *NAMES,
        not_before=today - datetime.timedelta(days=1),
        not_after=today + datetime.timedelta(days=_DAYS),
    )
    _write(wanted.server, leaf.private_key_and_cert_chain_pem.bytes())


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, and readable by the owner only."""
    fresh = path.with_suffix(".new")
    fd = os.open(fresh, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
    fresh.replace(path)
