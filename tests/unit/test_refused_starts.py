"""``pilotlight up`` that cannot start says in one line why, and what to do."""

from __future__ import annotations

import logging
import socket
import sys
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from handlers.listening import Server
from pilotlight.cli import app
from pilotlight.observability.logs import log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    handlers, level, propagates = log.handlers[:], log.level, log.propagate
    yield
    log.handlers[:], log.propagate = handlers, propagates
    log.setLevel(level)


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as held:
        yield held.getsockname()[1]


@pytest.fixture
def a_file(tmp_path: Path) -> Path:
    (tmp_path / "file").touch()
    return tmp_path / "file"


def refused(*words: str) -> str:
    done = CliRunner().invoke(app, ["up", *words])
    assert done.exit_code == 2
    assert done.stdout == ""
    return " ".join(done.stderr.split())


def test_a_port_that_is_taken_is_named_once(taken: int, tmp_path: Path) -> None:
    told = refused("--port", str(taken), "--data", str(tmp_path))
    assert f"cannot listen on 127.0.0.1:{taken} (Address already in use); choose another" in told


def test_an_address_of_another_machine_is_not_blamed_on_the_port(tmp_path: Path) -> None:
    told = refused("--host", "192.0.2.1", "--port", "0", "--data", str(tmp_path))
    assert "give an address that this machine has" in told


def test_a_port_beyond_all_ports_is_a_wrong_option() -> None:
    assert "less than or equal to 65535" in refused("--port", "80000")


def test_a_data_folder_that_is_none_is_named(a_file: Path) -> None:
    told = refused("--port", "0", "--data", str(a_file))
    assert f"the data folder {a_file} cannot be used (File exists); give another" in told


def test_worker_files_that_are_elsewhere_are_asked_for(tmp_path: Path) -> None:
    told = refused("--port", "0", "--workers", "nobodys_workers", "--data", str(tmp_path))
    assert "no package `nobodys_workers` of worker files here" in told
    assert "run this in the folder that holds nobodys_workers" in told


def test_what_is_given_up_at_the_end_is_no_error_of_the_servers(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Server(None, lifespan=False)
    theirs = logging.getLogger("uvicorn.error")
    shown = logging.StreamHandler(sys.stderr)
    theirs.addHandler(shown)
    try:
        theirs.error("Traceback (most recent call last):\nasyncio.exceptions.CancelledError\n")
        theirs.error("the disk is full")
    finally:
        theirs.removeHandler(shown)
    assert capsys.readouterr().err == "the disk is full\n"


def test_a_job_table_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "jobs.db").write_bytes(b"no database" * 500)
    told = refused("--port", "0", "--data", str(tmp_path))
    assert f"the job table {tmp_path / 'jobs.db'} cannot be read (file is not a database)" in told


@pytest.mark.parametrize(("wish", "reds"), [("", 1), ("1", 0)])
def test_an_error_is_red_unless_no_colour_is_wished(
    wish: str, reds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", wish)
    done = CliRunner().invoke(app, ["up", "--routes", "nowhere.toml"], color=True)
    assert done.stderr.count("\033[31m") == reds
    assert "nowhere.toml: No such file" in done.stderr
