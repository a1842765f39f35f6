from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotlight.contracts import events
from pilotlight.execution.child_process import describe_exit
from pilotlight.execution.framing import ChildEnd, Frames, ParentEnd


@given(st.lists(st.text()), st.data())
def test_lines_survive_any_cutting(texts, data):
    sent = b"".join(events.encode(events.Partial("a", text)) + b"\n" for text in texts)
    frames, got = Frames(), []
    while sent:
        size = data.draw(st.integers(1, len(sent)))
        got += frames.add(sent[:size])
        sent = sent[size:]
    assert [events.decode(line).output for line in got] == texts


@pytest.fixture
def ends():
    ours, theirs = socket.socketpair()
    yield ParentEnd(ours), ChildEnd(theirs), theirs
    ours.close()
    theirs.close()


def test_the_parent_never_blocks_on_a_child_that_does_not_read(ends):
    parent, child, _ = ends
    job_input = "x" * 5_000_000
    parent.send(events.Run("a", 1, "e", 1, job_input, "/tmp"))
    assert parent.unsent
    got = []
    while not got:
        parent.flush()
        got = list(child.receive())
    assert got[0].input == job_input


def test_the_end_of_the_child_is_told_after_its_last_words(ends):
    parent, child, theirs = ends
    child.send(events.Done("a", "{}"))
    theirs.close()
    assert parent.receive() == ([events.Done("a", "{}")], False)
    assert parent.receive() == ([], True)


def test_nothing_to_read_is_no_end(ends):
    assert ends[0].receive() == ([], False)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, "exited with code 0"),
        (7, "exited with code 7"),
        (-11, "was ended by SIGSEGV"),
        (-9, "was ended by SIGKILL; the system does this when memory runs out"),
        (None, "could not be killed"),
    ],
)
def test_the_end_of_a_process_is_told_in_words(status, words):
    assert describe_exit(status) == words


def test_an_event_is_the_same_on_the_other_side():
    run = events.Run(
        job_id="a",
        fence=2,
        endpoint="e",
        attempt=1,
        input="{}",
        folder="/f",
        files={"blob:k": "/k"},
    )
    error = {"code": "x", "problems": [{"loc": ["body", 0]}]}
    for event in (run, events.Failed("a", error, retryable=True), events.Ready(1.5, {"disk": 1.0})):
        assert events.decode(events.encode(event)) == event
