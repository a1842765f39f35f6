"""Secrets in files: private, whole, and the same for everybody who asks."""

import json
import subprocess
import sys
import threading

import pytest

from pilotlight.adapters.local.secrets import FileSecrets


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "secrets"


@pytest.fixture
def secrets(folder):
    return FileSecrets(folder)


def never() -> bytes:
    raise AssertionError("the secret exists: nobody may make it again")


def test_a_secret_is_made_once_and_then_stays(secrets, folder):
    assert secrets.get_or_create("pepper", lambda: b"first") == b"first"
    assert secrets.get_or_create("pepper", never) == b"first"
    assert FileSecrets(folder).get_or_create("pepper", never) == b"first"


def test_only_the_owner_may_read_it(secrets, folder):
    secrets.get_or_create("pepper", lambda: b"x")
    secrets.update("ring", lambda _before: b"y")

    assert (folder / "pepper").stat().st_mode & 0o777 == 0o600
    assert (folder / "ring").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


def test_an_update_sees_what_was_there(secrets):
    assert secrets.update("ring", lambda before: b"1" if before is None else never()) == b"1"
    assert secrets.update("ring", lambda before: before + b"2") == b"12"
    assert secrets.get_or_create("ring", never) == b"12"


def test_an_update_that_fails_changes_nothing_and_leaves_nothing(secrets, folder):
    secrets.get_or_create("ring", lambda: b"1")

    with pytest.raises(ZeroDivisionError):
        secrets.update("ring", lambda _before: bytes(1 // 0))
    assert secrets.get_or_create("ring", never) == b"1"
    assert sorted(path.name for path in folder.iterdir()) == ["_lock", "ring"]


@pytest.mark.parametrize("name", ["", "../pepper", "a/b", "_lock", "A", ".hidden", "x" * 101])
def test_a_name_that_is_not_one_of_ours_is_refused(secrets, name):
    with pytest.raises(ValueError, match="no name"):
        secrets.get_or_create(name, lambda: b"x")


RACE = """
import json, os, sys
from pathlib import Path
from pilotlight.adapters.local.secrets import FileSecrets
secrets = FileSecrets(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
got = [secrets.get_or_create(f"s{n}", lambda: os.urandom(32)).hex() for n in range(50)]
print(json.dumps(got), flush=True)
"""


def test_processes_that_race_get_the_same_secrets(folder):
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _racer in range(3)
    ]
    for racer in racers:
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        racer.stdin.write("go\n")
        racer.stdin.flush()
    results = [json.loads(racer.communicate()[0]) for racer in racers]

    assert results[0] == results[1] == results[2]
    assert len(set(results[0])) == 50


def test_updates_that_race_are_all_kept(folder):
    def add() -> None:
        own = FileSecrets(folder)
        for _time in range(20):
            own.update("count", lambda before: str(int(before or b"0") + 1).encode())

    threads = [threading.Thread(target=add) for _thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert FileSecrets(folder).get_or_create("count", never) == b"80"
