"""The bench of swaps runs from end to end; how fast is not its matter."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


@pytest.mark.timeout(300)
def test_it_measures_a_cold_start_and_both_kinds_of_swaps(tmp_path):
    output = tmp_path / "figures.json"
    command = [sys.executable, "-m", "tests.bench.pool", "--passes", "1", "--output", str(output)]
    subprocess.run(command, cwd=Path(__file__).parents[2], check=True)

    found = json.loads(output.read_text())
    assert 0 < found["swap, from memory"] < found["swap, from disk"] < found["cold start"]
