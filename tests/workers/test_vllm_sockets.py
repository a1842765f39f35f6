"""The folder of vLLM's sockets goes with the process that has it, or with the next one."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.live import ROOT
from workers.engines.vllm import sockets

HOLDER = """
import sys
from workers.engines.vllm import sockets
held = sockets.folder()
print(held.__enter__(), flush=True)
sys.stdin.readline()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """The system's, for this test alone."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def holder():
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER], cwd=ROOT, stdin=-1, stdout=-1, text=True
    )
    return process, Path(process.stdout.readline().strip())


def end(process):
    process.communicate("leave\n", timeout=60)


def test_it_goes_at_the_end_of_the_block_whatever_happened_in_it(temporary):
    def die(mine):
        (mine / "socket").write_text("")
        raise RuntimeError("the engine died")

    with pytest.raises(RuntimeError), sockets.folder() as mine:
        die(mine)

    assert list(temporary.iterdir()) == []


def test_it_goes_with_an_interpreter_that_ends_without_closing_it(temporary):
    process, theirs = holder()
    assert theirs.is_dir()

    end(process)

    assert list(temporary.iterdir()) == []


def test_what_a_killed_process_left_goes_when_the_next_one_starts(temporary):
    process, theirs = holder()
    (theirs / "socket").write_text("")
    process.kill()
    end(process)
    assert theirs.is_dir(), "else this test shows nothing"

    with sockets.folder() as mine:
        assert list(temporary.iterdir()) == [mine]


def test_that_of_a_living_process_is_left_alone():
    process, theirs = holder()

    with sockets.folder():
        assert theirs.is_dir()

    end(process)


def test_another_users_folder_is_no_reason_to_fail(temporary, monkeypatch):
    (temporary / "pilotlight-vllm-theirs").mkdir()

    def refused(_place, _flags):
        raise PermissionError("not yours")

    with monkeypatch.context() as patched:
        patched.setattr(sockets.os, "open", refused)
        sockets._sweep()

    assert (temporary / "pilotlight-vllm-theirs").is_dir()
