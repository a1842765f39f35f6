"""What the operator's log tells of an exception."""

from __future__ import annotations

import io
import json
import logging

import pytest
from pydantic import BaseModel, ValidationError

from pilotlight.observability import logs


@pytest.fixture
def written(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    before = logs.log.handlers[:], logs.log.level, logs.log.propagate
    logs.configure("info")
    yield lambda: json.loads(stream.getvalue().splitlines()[-1])
    logs.log.handlers[:], logs.log.level, logs.log.propagate = before


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("wish", "level"), [("", "\033[33mwarning\033[0m"), ("1", "warning")])
def test_a_warning_stands_out_on_a_terminal_that_wants_colours(monkeypatch, written, wish, level):
    stream = Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("NO_COLOR", wish)
    logs.configure("info")

    logs.event("jobs.failed", level=logging.WARNING, worker="echo", tls_url=None)

    assert stream.getvalue()[8:] == f" {level} jobs.failed  worker=echo\n"


def test_words_of_others_are_shown_and_not_obeyed(monkeypatch, written):
    """The window's title, the clipboard, and a line that nobody wrote."""
    stream = Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    logs.configure("info")

    logs.event("job.failed", error="\x1b]0;mine\x07\x9b31m \u202egnp\n12:00:00 info  all.well")

    (line,) = stream.getvalue().splitlines()
    assert line.endswith(r"error=\x1b]0;mine\x07\x9b31m \u202egnp\n12:00:00 info  all.well")


SECRET = "-".join(("a", "secret"))
"""Not as a traceback shows the line that has it."""


class Model(BaseModel):
    number: int


@pytest.mark.parametrize(
    "broken",
    [
        lambda: Model(number=SECRET),
        lambda: json.loads('{"' + SECRET),
        lambda: {}[SECRET],
        lambda: int(SECRET),
        f"\udcff {SECRET}".encode,
    ],
    ids=["pydantic", "json", "key", "int", "decode"],
)
def test_an_exception_that_quotes_its_input_is_told_without_its_words(written, broken):
    try:
        broken()
    except (ValueError, ValidationError, LookupError):
        logs.failure("test.failed", job_id="j")

    told = written()
    assert SECRET not in json.dumps(told)
    assert "test_logs.py" in told["traceback"]
    assert told["job_id"] == "j"


def test_other_exceptions_keep_their_words_and_their_causes(written):
    try:
        try:
            int(SECRET)
        except ValueError as error:
            raise OSError("the disk is full") from error
    except OSError:
        logs.failure("test.failed")

    lines = written()["traceback"].splitlines()
    assert lines[-1] == "OSError: the disk is full"
    assert "ValueError" in lines
    assert logging.getLogger("pilotlight") is logs.log
