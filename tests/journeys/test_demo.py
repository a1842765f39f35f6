"""``make demo`` does what it says, and leaves nothing but a picture."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live import ROOT, environment


def demo(tmp_path, *words):
    return subprocess.run(
        [sys.executable, "-m", "demo", *words],
        cwd=ROOT, env=environment(TMPDIR=str(tmp_path), COLUMNS="200"),
        capture_output=True, text=True, timeout=230, check=False,
    )  # fmt: skip


def test_a_demo_that_is_ended_ends_what_it_started(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "demo"],
        cwd=ROOT, env=environment(TMPDIR=str(tmp_path)), stdout=subprocess.PIPE, text=True,
    ) as running:  # fmt: skip
        while "a fal program" not in running.stdout.readline():
            assert running.poll() is None
        running.terminate()
        told = running.stdout.read()

    assert running.returncode == 130
    assert "nothing is left running" in told
    assert still_there(tmp_path) == []


def still_there(tmp_path):
    """Processes that work on a folder below this one."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            told = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            found += [told] if str(tmp_path).encode() in told else []
    return found


@pytest.mark.timeout(240)
def test_the_demo_goes_from_zero_to_zero_and_names_its_picture(tmp_path):
    done = demo(tmp_path, "a white ring on a green background")

    assert done.returncode == 0, done.stdout + done.stderr
    picture = ROOT / re.search(r"The picture: (\S+)", done.stdout)[1]
    assert picture.read_bytes().startswith(b"\x89PNG")
    picture.unlink()
    for step in ("cold start: the model", "webhook, after the job's end", "stop everything"):
        assert re.search(rf"{step} +\d+\.\d\d s", done.stdout)
    assert "fal's signature and that of Standard Webhooks hold" in done.stdout
    assert list(tmp_path.glob("pilotlight-demo-*")) == []
    assert still_there(tmp_path) == []


def test_a_demo_that_fails_says_where_to_look_and_stops_everything(tmp_path):
    done = demo(tmp_path, "x" * 501)

    assert done.returncode == 1
    assert "at most 500 characters" in done.stderr
    (kept,) = tmp_path.glob("pilotlight-demo-*")
    assert f"Everything it left is in {kept}" in done.stdout
    assert (kept / "up.log").exists()
    assert still_there(tmp_path) == []
