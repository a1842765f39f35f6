"""A forked child: as if it had been started anew, but for what it shares."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.live import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks are for Linux")

PARENT = """
import json, os, signal, socket, sys, threading
from pilotlight.execution.child_fork import Forked, can_fork

signal.signal(signal.SIGTERM, lambda *_: None)
secret = os.open("/dev/zero", os.O_RDONLY)
ours, theirs = socket.socketpair()
argv = [sys.executable, "-u", "-m", "tests.unit._forked", *sys.argv[1:]]
told = {"can": can_fork(argv), "other": can_fork(["/usr/bin/other", "-m", "x"])}
print("not flushed yet", end="")
child = Forked([*argv, str(theirs.fileno()), str(secret)], keep=theirs.fileno())
theirs.close()
told["early"] = child.wait(0)
told["heard"] = ours.recv(1000).decode()
ours.send(b"go")
told["code"] = child.wait(30)
told["out"], told["error"] = child.stdout.read().decode(), child.stderr.read().decode()
told["group"] = child.pid != os.getpgid(0)
threading.Thread(target=threading.Event().wait, daemon=True).start()
told["with threads"] = can_fork(argv)
print()
print(json.dumps(told))
"""


def forked(*words):
    """What a parent of one forked child saw."""
    done = subprocess.run(
        [sys.executable, "-c", PARENT, *words],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    first, last = done.stdout.splitlines()
    assert first == "not flushed yet"  # the child has not written it a second time
    return json.loads(last)


def test_it_runs_its_module_with_its_own_words_and_outputs():
    told = forked("return", "7")

    assert (told["can"], told["early"], told["code"]) == (True, None, 0)
    assert json.loads(told["heard"])["argv"][1:3] == ["return", "7"]
    assert told["out"] == "said on output\n"
    assert told["error"] == "said on error\n"


def test_nothing_of_the_parents_is_open_in_it():
    heard = json.loads(forked("return")["heard"])

    assert heard["open"] == []
    assert heard["main"] == "tests.unit._forked"
    assert heard["sigterm"] == "default"
    assert heard["leads"]


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (("exit", "3"), 3, ""),
        (("raise",), 1, "ValueError: told to"),
        (("killed",), -9, ""),
    ],
)
def test_it_ends_as_any_program_does(words, code, error):
    told = forked(*words)

    assert told["code"] == code
    assert error in told["error"]


def test_only_a_process_of_one_thread_forks_and_only_into_its_own_interpreter():
    told = forked("return")

    assert told["with threads"] is False
    assert told["other"] is False
