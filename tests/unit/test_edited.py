"""A worker file that changes while ``pilotlight up`` runs is spoken of, once."""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING

import pytest

from handlers.edited import edits
from pilotlight.observability.logs import log

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    package = tmp_path / f"edited_{tmp_path.name}"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "old.py").write_text("x = 1")
    importlib.invalidate_caches()
    return package


@pytest.fixture
def told(
    folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], list[tuple[str, str]]]:
    monkeypatch.setattr(log, "propagate", True)
    chore = edits([folder.name])

    def told() -> list[tuple[str, str]]:
        caplog.clear()
        with caplog.at_level(logging.WARNING, logger="pilotlight"):
            chore.work(0.0)
        return [(one.message, vars(one)["fields"]["file"]) for one in caplog.records]

    return told


def test_nothing_is_said_of_files_as_they_were(told: Callable[[], list[tuple[str, str]]]) -> None:
    assert told() == []


def test_an_edit_a_new_file_and_a_removed_one_are_told_once(
    folder: Path, told: Callable[[], list[tuple[str, str]]]
) -> None:
    (folder / "new.py").touch()
    (folder / "notes.txt").touch()
    assert told() == [("worker.new", str(folder / "new.py"))]
    (folder / "old.py").write_text("x = 2")
    assert told() == [("worker.edited", str(folder / "old.py"))]
    (folder / "new.py").unlink()
    assert told() == [("worker.gone", str(folder / "new.py"))]
    assert told() == []
