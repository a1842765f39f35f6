"""The bench runs from end to end and writes what machines read; how fast is not its matter."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.slow

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


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """One quick run: what it printed and the path of its JSON."""
    out = tmp_path_factory.mktemp("bench") / "bench.json"
    run = subprocess.run(
        [sys.executable, "-m", "tests.bench", "--quick", "--out", out],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout, json.loads(out.read_text())


def test_every_figure_of_pilotlight_is_measured(bench):
    _, found = bench

    assert all(found[name] > 0 for name in FIGURES), found


def test_the_bare_reference_has_every_figure_that_makes_sense_for_it(bench):
    _, found = bench

    missing = {name for name in FIGURES if found[f"reference_{name}"] is None}

    assert missing == SCALES_OR_CALLS_BACK


def test_ratios_are_ours_over_the_bare_reference(bench):
    _, found = bench

    assert set(found["ratios"]) == set(FIGURES)
    assert found["ratios"]["idle_mb"] == pytest.approx(
        found["idle_mb"] / found["reference_idle_mb"], rel=0.01
    )
    assert found["ratios"]["webhook_p50_ms"] is None


def test_taskiq_has_its_keys_whether_or_not_there_is_a_redis_server(bench):
    _, found = bench

    measured = {found[f"taskiq_{name}"] is not None for name in FIGURES} - {False}

    assert bool(measured) == (found["machine"]["redis"] is not None)


def test_the_machine_is_named_beside_the_figures(bench):
    _, found = bench

    assert {"cores", "python", "load_average", "reference"} <= set(found["machine"])


def test_the_table_shows_the_numbers_to_hold(bench):
    printed, _ = bench

    assert "jobs per second, 16 clients, one replica" in printed
    assert ">= 1000" in printed


def test_no_process_of_the_bench_is_left(bench):
    left = [
        process.info
        for process in psutil.process_iter(["pid", "cmdline"])
        if "bench-key:bench-secret" in (process.info["cmdline"] or ())
        or any("tests.bench.references" in part for part in process.info["cmdline"] or ())
    ]

    assert left == []
