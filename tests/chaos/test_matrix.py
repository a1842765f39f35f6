"""The matrix tells the truth: every place that it names is there, and no row is left unsaid."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.chaos.matrix import MATRIX
from tests.sim.faults import KINDS

TESTS = Path(__file__).parent.parent


def test_every_row_is_tested_or_says_why_not():
    assert sorted(MATRIX) == list(range(1, 63))
    assert all(row.places or row.left for row in MATRIX.values())


@pytest.mark.parametrize("number", MATRIX)
def test_every_place_that_is_named_is_there(number):
    for place in MATRIX[number].places:
        if place.startswith("sim: "):
            assert place.removeprefix("sim: ") in KINDS
            continue
        file, _, name = place.partition("::")
        tree = ast.parse((TESTS / file).read_text())
        names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert name in names, place


def test_every_test_that_carries_a_number_stands_in_its_row():
    for file in sorted(Path(__file__).parent.glob("test_matrix_*.py")):
        found = re.findall(r"@row\((\d+)\)\ndef (test_\w+)", file.read_text())
        assert found
        for number, name in found:
            assert f"chaos/{file.name}::{name}" in MATRIX[int(number)].places
