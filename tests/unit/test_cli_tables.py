"""Lengths of time that commands take, and the moments and tables that they show."""

from __future__ import annotations

import pytest

from pilotlight.cli import tables
from pilotlight.cli.lengths import length_of
from pilotlight.errors import InvalidInput

LENGTHS = [("90s", 90), ("30m", 1800), ("30min", 1800), ("1.5h", 5400), ("2d", 172_800)]


@pytest.mark.parametrize(("text", "seconds"), LENGTHS)
def test_a_length_of_time(text, seconds):
    assert length_of(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "h", "-1h", "1w", "1h30m"])
def test_what_is_no_length_of_time(text):
    with pytest.raises(InvalidInput):
        length_of(text)


def test_a_moment_is_told_to_the_second():
    assert tables.moment("2026-11-20T17:53:26.454592+00:00") == "2026-11-20 17:53:26"


WIDE = (("ID", "TASK", "STATE"), [("acme/long-name", "fal/text-to-image", "local")])


@pytest.mark.parametrize(
    ("width", "titles"),
    [(80, ["ID", "TASK", "STATE"]), (30, ["ID", "STATE"]), (5, ["ID"])],
)
def test_a_narrow_terminal_is_spared_what_matters_least(width, titles):
    shown, rows = tables.fitting(*WIDE, spare=("TASK", "STATE"), width=width)

    assert list(shown) == titles
    assert [len(row) for row in rows] == [len(titles)]


def test_an_id_is_in_one_piece_however_narrow_the_terminal(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "50")
    monkeypatch.setenv("FORCE_COLOR", "1")
    job_id = "01a1fa0c-1511-7113-9091-857409d2ee2a"

    tables.show(("JOB", "URL"), [(job_id, "http://127.0.0.1:8978/a/rather/long/hook")])

    assert job_id in capsys.readouterr().out
