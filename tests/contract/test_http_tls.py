"""TLS: the name stays in SNI, in the certificate check and in the Host header."""

import ssl

import pytest
import trustme

from pilotlight.adapters.local.clock import SystemClock
from pilotlight.adapters.web.fetcher import GuardedFetcher
from pilotlight.adapters.web.guard import Policy
from pilotlight.adapters.web.outbound import Outbound
from pilotlight.adapters.web.poster import GuardedPoster
from pilotlight.errors import FetchFailed
from pilotlight.settings import FetchSettings, WebhookSettings
from tests.contract.http_servers import reply, serving


@pytest.fixture
def authority():
    return trustme.CA()


@pytest.fixture
def tls(authority):
    """A server's side, for the name receiver.test; ``names`` collects what clients ask for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("receiver.test").configure_cert(context)
    names = []
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    context.names = names
    return context


def outbound(trusted: ssl.SSLContext | None) -> Outbound:
    local = Policy(allow_loopback=True)
    return Outbound(policy=local, resolve=lambda *_: ["127.0.0.1"], tls=trusted)


def poster(trusted: ssl.SSLContext | None) -> GuardedPoster:
    return GuardedPoster(outbound(trusted), WebhookSettings(timeout_s=10), SystemClock())


@pytest.fixture
def trusted(authority):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def test_the_name_is_asked_for_and_checked_although_the_address_was_dialled(tls, trusted):
    with serving(reply(200), tls=tls) as receiver:
        url = f"https://receiver.test:{receiver.port}/hook"
        answer = poster(trusted).post(url, headers={}, body=b"{}")

    assert answer.status == 200
    assert tls.names == ["receiver.test"]
    assert receiver.received[0].headers["host"] == f"receiver.test:{receiver.port}"


def test_a_certificate_for_another_name_is_refused(tls, trusted):
    with serving(reply(200), tls=tls) as receiver, pytest.raises(FetchFailed) as caught:
        poster(trusted).post(f"https://other.test:{receiver.port}/", headers={}, body=b"{}")

    assert caught.value.reason == "unreachable"
    assert receiver.received == []


def test_an_unknown_authority_is_refused(tls):
    with serving(reply(200), tls=tls) as receiver, pytest.raises(FetchFailed) as caught:
        poster(None).post(f"https://receiver.test:{receiver.port}/", headers={}, body=b"{}")

    assert caught.value.reason == "unreachable"
    assert receiver.received == []


def test_a_server_without_tls_is_unreachable_over_https():
    with serving(reply(200)) as receiver, pytest.raises(FetchFailed) as caught:
        poster(None).post(f"https://receiver.test:{receiver.port}/", headers={}, body=b"{}")

    assert caught.value.reason == "unreachable"


def test_a_redirect_from_https_to_http_is_not_followed(tls, trusted, tmp_path):
    fetcher = GuardedFetcher(outbound(trusted), FetchSettings(), SystemClock())
    with (
        serving(reply(200, b"GIF89a")) as plain,
        serving(reply(302, Location=plain.url("/cat.gif")), tls=tls) as sealed,
    ):
        url = f"https://receiver.test:{sealed.port}/cat.gif"
        with pytest.raises(FetchFailed) as caught:
            fetcher.fetch(url, kind="image", max_bytes=1000, into=tmp_path)

    assert caught.value.reason == "bad_url"
    assert plain.received == []


def test_a_redirect_from_http_to_https_is_followed(tls, trusted, tmp_path):
    fetcher = GuardedFetcher(outbound(trusted), FetchSettings(), SystemClock())
    with serving(reply(200, b"GIF89a"), tls=tls) as sealed:
        there = f"https://receiver.test:{sealed.port}/cat.gif"
        with serving(reply(301, Location=there)) as plain:
            fetched = fetcher.fetch(plain.url(), kind="image", max_bytes=1000, into=tmp_path)

    assert fetched.content_type == "image/gif"
    assert fetched.file_name == "cat.gif"
