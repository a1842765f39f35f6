"""How one command finds what another started."""

from __future__ import annotations

import os
import stat
import subprocess
import sys

import pytest

from pilotlight.cli import running
from pilotlight.cli.exits import Unreachable
from pilotlight.cli.options import api
from pilotlight.cli.running import Running

HERE = Running("http://127.0.0.1:8000", "secret", os.getpid())


@pytest.fixture
def ended():
    """The process id of somebody who is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_what_runs_is_told_to_its_owner_alone(tmp_path):
    running.announce(tmp_path / "data", HERE)

    path = tmp_path / "data" / "up.json"
    assert running.read(tmp_path / "data") == HERE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [found.name for found in path.parent.iterdir()] == ["up.json"]


def test_the_newest_word_counts(tmp_path):
    running.announce(tmp_path, Running("http://old", "k", 1))
    running.announce(tmp_path, HERE)

    assert running.read(tmp_path) == HERE


def test_only_who_wrote_it_takes_it_back(tmp_path):
    running.announce(tmp_path, HERE)

    running.withdraw(tmp_path, HERE.pid + 1)
    assert running.read(tmp_path) == HERE
    running.withdraw(tmp_path, HERE.pid)
    assert running.read(tmp_path) is None
    running.withdraw(tmp_path, HERE.pid)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"url": "x"}', '{"other": 1}'])
def test_words_nobody_knows_are_no_news(tmp_path, text):
    (tmp_path / "up.json").write_text(text)

    assert running.read(tmp_path) is None


def test_commands_talk_to_what_runs_with_its_key(tmp_path):
    running.announce(tmp_path, HERE)

    assert api(None, None, tmp_path).url == HERE.url
    assert api(None, None, tmp_path).key == "secret"
    assert api(None, "mine", tmp_path).key == "mine"


def test_the_key_is_not_sent_to_anybody_else(tmp_path):
    running.announce(tmp_path, HERE)

    assert api("http://127.0.0.1:8000/", None, tmp_path).key == "secret"
    assert api("http://elsewhere:8000", None, tmp_path).key == ""


def test_nothing_was_started(tmp_path):
    with pytest.raises(Unreachable, match="start it with `pilotlight up`"):
        api(None, None, tmp_path)


def test_what_was_started_has_ended(tmp_path, ended):
    running.announce(tmp_path, Running("http://127.0.0.1:9", "k", ended))

    with pytest.raises(Unreachable, match="has ended"):
        api(None, None, tmp_path)
