"""What a replica's row says while its model loads, and what stays afterwards."""

from __future__ import annotations

import pytest

from pilotlight.intake import cold_start


def test_the_row_says_what_the_load_is_at_and_then_how_long_each_stage_took(
    rig_of, tmp_path, monkeypatch
):
    gate = tmp_path / "gate"
    monkeypatch.setenv("LOAD_GATE", str(gate))
    rig = rig_of("loads-in-stages")

    row = rig.until(lambda: rig.replica_row().fraction and rig.replica_row(), "62 %")
    assert (row.stage, row.step, row.fraction) == ("loading", "weights", 0.62)
    seen = cold_start.stage([row], [], now=rig.clock.now())
    assert (seen.step, seen.fraction, seen.eta_s) == ("weights", 0.62, None)

    gate.touch()
    rig.until(lambda: rig.replica_row().stage == "ready")
    (cold,) = rig.rows.cold_starts("loads-in-stages", limit=5)
    assert set(cold.took) == {"process", "imports", "weights", "device", "warm_up", "load"}
    assert cold.load_s == pytest.approx(sum(cold.took.values()), rel=0.5)


def test_a_second_load_leaves_the_stages_of_the_cold_start_as_they_were(rig_of, tmp_path):
    rig = rig_of("loads-in-stages")
    rig.until(lambda: rig.replica_row().stage == "ready")
    before = rig.replica_row().took

    rig.replica._keeper.replace(None)
    rig.until(lambda: rig.replica._keeper.ready, "the second child")
    assert rig.output(rig.submit({"text": "x"})) == {"text": "x"}
    assert rig.replica_row().took == before
