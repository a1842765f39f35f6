"""Each check says what is wrong with a machine that is wrong, and nothing about a good one."""

from __future__ import annotations

import contextlib
import json
import socket
import sqlite3
import textwrap

import pytest
from typer.testing import CliRunner

from pilotlight.adapters.local.database import Database
from pilotlight.adapters.local.store import SqliteStore
from pilotlight.cli import app, checkup, needs
from pilotlight.settings import Settings


def findings(data, **settings):
    settings.setdefault("ingress", {"port": 0})
    found = checkup.look(Settings(data=data, **settings))
    return {one.check: one for one in found}


def test_a_good_machine_is_told_so_and_nothing_is_left_behind(tmp_path):
    found = findings(tmp_path / "data")

    assert [one for one in found.values() if one.state == "broken"] == []
    assert "endpoints" in found["workers"].said
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")

    found = findings(tmp_path / "file" / "data")
    assert found["data folder"].state == "broken"
    assert "is no folder" in found["data folder"].said


def test_a_damaged_job_table_is_found(tmp_path):
    Database(tmp_path / "jobs.db").close()
    assert findings(tmp_path)["job table"].said == "sound"
    (tmp_path / "jobs.db").write_bytes(b"not a database at all, but long enough to be read" * 100)

    found = findings(tmp_path)["job table"]
    assert found.state == "broken"
    assert "jobs.db" in found.said


def test_a_clock_behind_the_newest_job_is_found(tmp_path, make_job):
    database = Database(tmp_path / "jobs.db")
    SqliteStore(database).create([make_job(created_at=9e9)])
    database.close()

    assert "ahead of the clock" in findings(tmp_path)["clock"].said


def test_a_taken_port_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found = findings(tmp_path, ingress={"port": port})

    assert found[f"port {port}"].state == "broken"
    said = f"127.0.0.1:{port}: Address already in use; choose another with --port"
    assert found[f"port {port}"].said == said


def test_a_folder_without_workers_is_told_what_is_missing(tmp_path):
    found = findings(tmp_path, workers=("no_such_package",))

    assert found["workers"].state == "broken"
    assert "no_such_package" in found["workers"].said


def test_settings_for_aws_that_name_nothing_are_told_which_to_set(tmp_path):
    found = findings(tmp_path, mode="aws", aws={"endpoint_url": "http://127.0.0.1:1"})

    assert "PILOTLIGHT_AWS__QUEUE_URL" in found["aws.queue_url"].said
    assert found["aws.bucket"].state == "ok"
    assert found["aws answers"].state == "broken"


def test_what_a_worker_imports_is_read_from_its_source(tmp_path, monkeypatch):
    package = tmp_path / "models"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "engine.py").write_text("def load():\n    import no_such_engine\n")
    (package / "one.py").write_text(
        textwrap.dedent("""
            import json
            from models import engine
            def run():
                from no_such_library.deep import thing
        """)
    )
    monkeypatch.syspath_prepend(tmp_path)

    assert needs.missing("models.one") == ["no_such_engine", "no_such_library"]
    assert needs.missing("workers.echo") == []


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_the_command_ends_with_1_when_something_is_broken(tmp_path, words, monkeypatch):
    monkeypatch.setenv("PILOTLIGHT_INGRESS__PORT", "0")
    good = CliRunner().invoke(app, ["doctor", *words, "--data", str(tmp_path)])
    (tmp_path / "jobs.db").write_bytes(b"x" * 5000)
    bad = CliRunner().invoke(app, ["doctor", *words, "--data", str(tmp_path)])

    assert (good.exit_code, bad.exit_code) == (0, 1)
    if words:
        assert {one["check"]: one["state"] for one in json.loads(bad.stdout)}[
            "job table"
        ] == "broken"
    else:
        assert "BROKEN" in bad.stdout


def test_a_job_table_of_another_release_is_found(tmp_path):
    database = tmp_path / "jobs.db"
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA user_version = 1")

    found = findings(tmp_path)["job table"]
    assert found.state == "broken"
    assert "written by another release" in found.said
