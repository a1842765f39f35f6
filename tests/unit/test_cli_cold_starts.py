"""``pilotlight fleet --cold-starts``: a histogram for each stage of each worker's starts."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from pilotlight import bootstrap, settings
from pilotlight.adapters.local.database import Database
from pilotlight.adapters.local.replicas import ReplicaRows
from pilotlight.adapters.local.roster import SqliteRoster
from pilotlight.bootstrap.local import database_path
from pilotlight.cli import app, cold_starts
from pilotlight.ports.fleet import LoadStep
from pilotlight.scaling.sketch import Sketch


@pytest.fixture
def fleet(tmp_path):
    def fleet(*words):
        return CliRunner().invoke(
            app, ["fleet", "--cold-starts", *words, "--data", str(tmp_path / "data")]
        )

    return fleet


@pytest.fixture
def three_starts(tmp_path):
    services = bootstrap.services(settings.load(data=tmp_path / "data"))
    database = Database(database_path(services.settings))
    rows, roster = ReplicaRows(database), SqliteRoster(database)
    for number, weights_s in enumerate((0.5, 0.5, 20.0)):
        name, now = f"shapes-{number}", services.clock.now() - 100 + number
        rows.add(name, "shapes", slots=1, now=now)
        roster.report(name, "loading", now=now + 2)
        took = {"weights": weights_s, "imports": 4.0}
        roster.stepped(name, LoadStep("ready", took=took), now=now + 30)
        roster.report(name, "ready", now=now + 30)
    database.close()
    services.close()


def test_before_the_first_start_there_is_nothing_to_show(fleet, tmp_path):
    bootstrap.services(settings.load(data=tmp_path / "data")).close()

    assert "No replica has become ready yet" in fleet().stderr


@pytest.mark.usefixtures("three_starts")
def test_each_stage_has_its_line_in_the_order_of_a_start(fleet):
    lines = fleet().stdout.splitlines()

    assert [line.split()[:3] for line in lines[1:]] == [
        ["shapes", "capacity", "3"],
        ["shapes", "imports", "3"],
        ["shapes", "weights", "3"],
    ]


@pytest.mark.usefixtures("three_starts")
def test_a_program_reads_the_counts_themselves(fleet):
    told = json.loads(fleet("--json").stdout)["shapes"]

    assert told["weights"]["count"] == 3
    assert told["weights"]["mean_s"] == pytest.approx(7)
    assert [count for _, count in told["weights"]["histogram"]] == [2, 1]
    assert told["weights"]["histogram"][1][0] == pytest.approx(20, rel=0.16)


def test_the_fullest_bar_is_a_block_and_an_empty_one_is_a_space():
    stage = Sketch()
    for seconds in (0.2, 0.2, 0.2, 0.2, 5.0, 1000.0):
        stage.add(seconds)

    assert cold_starts.bars(stage) == "   █  ▂   ▂"
