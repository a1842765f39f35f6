"""The bench runs from end to end and writes what machines read; how fast is not its matter."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import psutil
import pytest

from pilotlight.adapters.local.clock import SystemClock

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]

FIGURES = (
    "echo_latency_p50_ms",
    "echo_latency_p95_ms",
    "echo_jobs_per_s",
    "startup_s",
    "idle_mb",
    "scale_decision_s",
    "webhook_p50_ms",
    "webhook_p95_ms",
)
SCALES_OR_CALLS_BACK = {"scale_decision_s", "webhook_p50_ms", "webhook_p95_ms"}


def command(mark, *arguments):
    """The bench; every process it starts inherits the mark in its environment."""
    return ["/usr/bin/env", f"BENCH_MARK={mark}", sys.executable, "-m", "tests.bench", *arguments]


def marked(mark):
    """Command lines of the processes that live and carry the mark."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("BENCH_MARK") == mark:
                found.append(" ".join(process.cmdline()))
    return found


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """One quick run: what it printed, its JSON, and the processes that were left after it."""
    out, mark = tmp_path_factory.mktemp("bench") / "bench.json", uuid.uuid4().hex
    run = subprocess.run(
        command(mark, "--quick", "--out", out),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout, json.loads(out.read_text()), marked(mark)


def test_every_figure_of_pilotlight_is_measured(bench):
    _, found, _ = bench

    assert all(found[name] > 0 for name in FIGURES), found


def test_the_bare_reference_has_every_figure_that_makes_sense_for_it(bench):
    _, found, _ = bench

    missing = {name for name in FIGURES if found[f"reference_{name}"] is None}

    assert missing == SCALES_OR_CALLS_BACK


def test_ratios_are_ours_over_the_bare_reference(bench):
    _, found, _ = bench

    assert set(found["ratios"]) == set(FIGURES)
    assert found["ratios"]["idle_mb"] == pytest.approx(
        found["idle_mb"] / found["reference_idle_mb"], rel=0.01
    )
    assert found["ratios"]["webhook_p50_ms"] is None


def test_taskiq_has_its_keys_whether_or_not_there_is_a_redis_server(bench):
    _, found, _ = bench

    measured = {found[f"taskiq_{name}"] is not None for name in FIGURES} - {False}

    assert bool(measured) == (found["machine"]["redis"] is not None)


def test_the_machine_is_named_beside_the_figures(bench):
    _, found, _ = bench

    assert {"cores", "python", "load_average", "reference"} <= set(found["machine"])


def test_the_table_shows_the_numbers_to_hold(bench):
    printed, _, _ = bench

    assert "jobs per second, 16 clients, one replica" in printed
    assert ">= 1000" in printed


def test_no_process_of_the_bench_is_left(bench):
    _, _, left = bench

    assert left == []


def test_an_interrupted_bench_ends_what_it_started(tmp_path):
    mark = uuid.uuid4().hex
    run = subprocess.Popen(
        command(mark, "--only", "reference", "--out", tmp_path / "bench.json"),
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    )
    clock = SystemClock()
    deadline = clock.monotonic() + 20
    while not any("references" in line for line in marked(mark)):
        assert clock.monotonic() < deadline
        clock.sleep(0.01)

    run.send_signal(signal.SIGINT)

    assert run.wait(timeout=30) == 130
    assert marked(mark) == []
