"""What the author of a model is told when it fails: their own lines, and what to do."""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from pilotlight import Image
from pilotlight.cli import screen
from pilotlight.cli.follow import Look
from pilotlight.errors import SettingsError
from pilotlight.execution import child_run
from pilotlight.execution.child_logs import send_traceback
from workers.echo import Echo

if TYPE_CHECKING:
    from pathlib import Path

    from pilotlight.contracts.events import Log


class Loading(Echo):
    def load(self) -> None:
        import cowsay_of_nobody  # type: ignore[import-not-found]  # noqa: F401


class LoadingLater(Echo):
    async def load(self) -> None:
        await asyncio.sleep(0)
        raise OSError("no weights")


@pytest.fixture
def failed() -> Any:
    def failed(kind: type[Echo]) -> BaseException:
        with pytest.raises(Exception) as raised:  # noqa: PT011 - whatever it is, it is looked at
            child_run.load(kind(), child_run.LoopThread())
        return raised.value

    return failed


def test_a_model_that_does_not_load_names_the_line_and_what_to_install(failed: Any) -> None:
    told = child_run.why_not_loaded(failed(Loading))
    assert told.startswith("ModuleNotFoundError: No module named 'cowsay_of_nobody' (")
    assert told.endswith("; pip install cowsay_of_nobody?")


def test_our_own_refusals_are_told_as_they_are() -> None:
    assert child_run.why_not_loaded(SettingsError("no such worker")) == "no such worker"


@pytest.mark.parametrize("kind", [Loading, LoadingLater])
def test_the_log_of_a_failure_begins_with_a_line_that_is_not_ours(
    failed: Any, kind: type[Echo]
) -> None:
    lines: list[Log] = []
    error = failed(kind)
    error.__traceback__ = error.__traceback__.tb_next  # the test's own frame
    send_traceback(lines.append, "job", error)
    text = "\n".join(line.line for line in lines)
    assert text.startswith("Traceback (most recent call last):\n")
    assert "in load" in text
    assert "child_run.py" not in text
    assert "concurrent" not in text


def test_a_picture_that_was_not_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no\.png is not there: write it into context"):
        Image.at(tmp_path / "no.png", width=1, height=1)


def test_a_file_may_be_named_by_a_string(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"12")
    assert Image.at(str(tmp_path / "a.png"), width=1, height=1).file_size == 2


def test_a_long_line_of_a_log_is_not_broken_where_a_program_reads_it() -> None:
    file = io.StringIO()
    line = "x" * 300
    looks = iter([Look("running", lines=(line,))])
    screen.watch(looks, console=Console(file=file, width=80), margin="  ")
    assert file.getvalue().splitlines() == [f"  {line}", "  running"]
