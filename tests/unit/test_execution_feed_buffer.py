from __future__ import annotations

import json

from pilotlight.execution.feed_buffer import FLUSH_EVERY_S, MAX_LINE, MAX_LINES, FeedBuffer


def test_of_many_progress_reports_only_the_last_is_written():
    buffer = FeedBuffer()
    for step in range(50):
        buffer.progress("a", step / 50, "", at=step)
    [entry] = buffer.take(0)
    assert json.loads(entry.body)["fraction"] == 0.98
    assert not buffer


def test_lines_and_partial_outputs_keep_their_order():
    buffer = FeedBuffer()
    buffer.line("a", "one", level="info", at=1)
    buffer.partial("a", '{"text":"x"}', at=2)
    buffer.line("a", "two", level="info", at=3)
    assert [entry.kind for entry in buffer.take(0)] == ["log", "partial", "log"]


def test_a_runaway_print_is_cut_off_with_a_word_about_it():
    buffer = FeedBuffer()
    for number in range(MAX_LINES + 500):
        buffer.line("a", str(number), level="stdout", at=0)
    entries = buffer.take(0)
    assert len(entries) == MAX_LINES
    assert "dropped" in entries[-1].body
    buffer.forget("a")
    buffer.line("a", "the next attempt", level="stdout", at=0)
    assert len(buffer.take(0)) == 1


def test_a_long_line_is_shortened():
    buffer = FeedBuffer()
    buffer.line("a", "x" * 100_000, level="stdout", at=0)
    assert len(json.loads(buffer.take(0)[0].body)["message"]) == MAX_LINE


def test_what_could_not_be_written_stays_in_front():
    buffer = FeedBuffer()
    buffer.line("a", "one", level="info", at=1)
    failed = buffer.take(0)
    buffer.line("a", "two", level="info", at=2)
    buffer.put_back(failed)
    assert [json.loads(entry.body)["message"] for entry in buffer.take(0)] == ["one", "two"]


def test_a_flush_is_due_at_once_after_a_quiet_time_and_then_at_most_twenty_times_a_second():
    buffer = FeedBuffer()
    assert buffer.due_at() == float("inf")
    buffer.line("a", "one", level="info", at=1)
    assert buffer.due(0, with_others=False)
    buffer.take(100.0)
    buffer.line("a", "two", level="info", at=1)
    assert not buffer.due(100.0, with_others=False)
    assert buffer.due(100.0, with_others=True), "a commit that happens anyway takes it along"
    assert buffer.due(100.0 + FLUSH_EVERY_S, with_others=False)


def test_a_feed_that_fails_is_tried_less_and_less_and_never_along_with_others():
    buffer = FeedBuffer()
    buffer.line("a", "one", level="info", at=1)
    pauses = []
    for _ in range(9):
        buffer.put_back(buffer.take(100.0))
        pauses.append(round(buffer.due_at() - 100.0, 3))
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5, 5]
    assert not buffer.due(100.0, with_others=True)
    buffer.take(105.0)
    buffer.written()
    buffer.line("a", "two", level="info", at=1)
    assert buffer.due(105.0, with_others=True)
