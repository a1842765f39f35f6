"""TLS on one machine: made once, trusted once, renewed under the same authority."""

from __future__ import annotations

import socket
import ssl
import stat
import threading
import time

import pytest

from pilotlight.adapters.local import certificates as module
from pilotlight.adapters.local.certificates import NAMES, certificates

DAY_S = 86_400


@pytest.fixture
def now():
    return time.time()  # the peer checks dates against the real clock


def talk(found, name):
    """Shake hands as a client that trusts the authority and asks for this name."""
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(found.server)
    client = ssl.create_default_context(cafile=found.authority)
    near, far = socket.socketpair()

    def answer():
        with far, server.wrap_socket(far, server_side=True) as wrapped:
            wrapped.sendall(b"hello")

    thread = threading.Thread(target=answer)
    thread.start()
    with near, client.wrap_socket(near, server_hostname=name) as wrapped:
        said = wrapped.recv(5)
    thread.join()
    return said


@pytest.mark.parametrize("name", NAMES)
def test_a_client_that_trusts_the_authority_reaches_every_name(tmp_path, now, name):
    assert talk(certificates(tmp_path / "tls", now=now), name) == b"hello"


def test_they_are_made_once(tmp_path, now):
    first = certificates(tmp_path, now=now)
    before = first.server.read_bytes(), first.authority.read_bytes()

    again = certificates(tmp_path, now=now + 300 * DAY_S)

    assert (again.server.read_bytes(), again.authority.read_bytes()) == before


def test_an_old_one_is_renewed_under_the_authority_that_clients_trust(tmp_path, now):
    found = certificates(tmp_path, now=now - 390 * DAY_S)
    old, authority = found.server.read_bytes(), found.authority.read_bytes()

    certificates(tmp_path, now=now)

    assert found.server.read_bytes() != old
    assert found.authority.read_bytes() == authority
    assert talk(found, "queue.fal.run") == b"hello"


def test_other_names_make_another_one(tmp_path, now, monkeypatch):
    found = certificates(tmp_path, now=now)
    old = found.server.read_bytes()
    monkeypatch.setattr(module, "NAMES", (*NAMES, "gpu.example.org"))

    certificates(tmp_path, now=now)

    assert found.server.read_bytes() != old
    assert talk(found, "gpu.example.org") == b"hello"


def test_a_spoilt_file_is_made_anew(tmp_path, now):
    found = certificates(tmp_path, now=now)
    found.server.write_text("half a file")

    certificates(tmp_path, now=now)

    assert talk(found, "localhost") == b"hello"


def test_only_the_owner_may_read_the_keys(tmp_path, now):
    certificates(tmp_path / "tls", now=now)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "tls").iterdir()}
    assert modes == {"ca.pem": 0o600, "ca.key": 0o600, "server.pem": 0o600}
