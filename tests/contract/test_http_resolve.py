"""The system's resolver, asked with a time limit."""

import socket
import threading

import pytest

from pilotlight.adapters.web import resolve
from pilotlight.errors import FetchFailed
from tests.contract.http_servers import DEADLINE_S


def test_localhost_is_loopback():
    assert set(resolve.by_the_system("localhost", 80, DEADLINE_S)) <= {"127.0.0.1", "::1"}


def test_a_name_without_answers_has_none():
    assert resolve.by_the_system("no-such-name.invalid", 80, DEADLINE_S) == []


def test_a_name_that_cannot_be_encoded_has_none():
    assert resolve.by_the_system("a" * 300, 80, DEADLINE_S) == []


def test_a_resolver_that_does_not_answer_is_left_behind(monkeypatch):
    release, left = threading.Event(), threading.Event()

    def silent(*_args, **_kwargs):
        release.wait(DEADLINE_S)
        left.set()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    with pytest.raises(FetchFailed) as caught:
        resolve.by_the_system("slow.test", 80, 0.05)

    assert caught.value.reason == "unreachable"
    assert not left.is_set()
    release.set()
    assert left.wait(DEADLINE_S)


def test_slow_names_cannot_use_up_all_threads(monkeypatch):
    release = threading.Event()
    asked = []

    def silent(*_args, **_kwargs):
        asked.append(1)
        release.wait(DEADLINE_S)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    monkeypatch.setattr(resolve, "_lookups", threading.BoundedSemaphore(2))
    for _name in range(5):
        with pytest.raises(FetchFailed):
            resolve.by_the_system("slow.test", 80, 0.02)
    release.set()

    assert len(asked) == 2
