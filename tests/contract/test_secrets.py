"""What every keeper of secrets must do; run against every adapter."""

from __future__ import annotations

import threading

import pytest


def test_a_secret_is_made_once_and_stays(secrets):
    assert secrets.get_or_create("file-grants", lambda: b"\0first") == b"\0first"
    assert secrets.get_or_create("file-grants", lambda: b"second") == b"\0first"
    assert secrets.get_or_create("key-pepper", lambda: b"other") == b"other"


def test_those_who_race_for_a_new_secret_get_the_same_one(secrets):
    begin, got = threading.Barrier(4), []

    def ask(number):
        begin.wait()
        got.append(secrets.get_or_create("pepper", lambda: b"%d" % number))

    run_together(ask)
    assert len(got) == 4
    assert len(set(got)) == 1


def test_an_update_sees_what_was_there(secrets):
    assert secrets.update("keys", lambda before: b"1" if before is None else b"?") == b"1"
    assert secrets.update("keys", lambda before: before + b"2") == b"12"
    assert secrets.get_or_create("keys", lambda: b"new") == b"12"


def test_no_update_is_lost_however_many_there_are_at_once(secrets):
    begin = threading.Barrier(4)

    def add(number):
        begin.wait()
        for _ in range(3):
            secrets.update("keys", lambda before: (before or b"") + b"%d" % number)

    run_together(add)
    assert sorted(secrets.get_or_create("keys", bytes)) == sorted(b"000111222333")


@pytest.mark.parametrize("name", ["", "../up", "a/b", "UPPER", "a" * 101, ".hidden"])
def test_a_name_that_is_not_ours_is_refused(secrets, name):
    with pytest.raises(ValueError, match="no name for a secret"):
        secrets.get_or_create(name, lambda: b"x")


def run_together(work):
    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
