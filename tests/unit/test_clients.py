"""The helper for fal's Python client; what it makes possible is in tests/clients."""

from __future__ import annotations

import importlib
import sys

import pytest

from pilotlight.clients import connect_fal
from pilotlight.errors import SettingsError

NAMES = ("RUN_URL_FORMAT", "QUEUE_URL_FORMAT", "REALTIME_URL_FORMAT", "REST_URL", "CDN_URL")


@pytest.fixture
def module(monkeypatch):
    module = importlib.import_module("fal_client.client")
    for name in NAMES:
        monkeypatch.setattr(module, name, getattr(module, name))
    return module


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://127.0.0.1:8000/"])
def test_all_five_addresses_lead_to_us(module, url):
    connect_fal(url)

    assert [getattr(module, name) for name in NAMES] == [
        "http://127.0.0.1:8000/run/",
        "http://127.0.0.1:8000/queue/",
        "ws://127.0.0.1:8000/run/",
        "http://127.0.0.1:8000/rest",
        "http://127.0.0.1:8000/cdn",
    ]


def test_a_prefix_and_tls_are_kept(module):
    connect_fal("https://gpu.example.org/flame")

    assert module.RUN_URL_FORMAT == "https://gpu.example.org/flame/run/"
    assert module.REALTIME_URL_FORMAT == "wss://gpu.example.org/flame/run/"


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "", "ftp://x", "http://", "http://x?y=1"])
def test_what_is_no_url_is_refused(module, url):
    before = module.REST_URL
    with pytest.raises(SettingsError, match="no URL of a Pilotlight"):
        connect_fal(url)

    assert before == module.REST_URL


def test_without_fal_client_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "fal_client.client", None)

    with pytest.raises(SettingsError, match="pip install fal-client"):
        connect_fal("http://127.0.0.1:8000")


def test_a_release_without_the_globals_is_named(module, monkeypatch):
    monkeypatch.delattr(module, "CDN_URL")

    with pytest.raises(SettingsError, match="no CDN_URL"):
        connect_fal("http://127.0.0.1:8000")
