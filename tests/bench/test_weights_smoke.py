"""The bench of weights runs from end to end; how fast is not its matter."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.weights import RATIOS

pytestmark = pytest.mark.slow


def test_it_measures_disk_loopback_and_loader_and_leaves_nothing_behind(tmp_path):
    output = tmp_path / "out" / "figures.json"
    output.parent.mkdir()
    command = [sys.executable, "-m", "tests.bench.weights", "--gib", "0.13", "--passes", "1"]
    subprocess.run(
        [*command, "--folder", str(tmp_path), "--output", str(output)],
        cwd=Path(__file__).parents[2],
        check=True,
    )

    found = json.loads(output.read_text())
    assert set(RATIOS) < set(found)
    assert all(value > 0 for value in found.values())
    assert list(tmp_path.iterdir()) == [output.parent]
