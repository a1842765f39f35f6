from __future__ import annotations

import json

from pilotlight.execution.feed_buffer import FLUSH_EVERY_S, MAX_LINE, MAX_LINES, FeedBuffer


def test_of_many_progress_reports_only_the_last_is_written():
    buffer = FeedBuffer()
    for step in range(50):
        buffer.progress("a", step / 50, "", at=step)
    [entry] = buffer.take()
    assert json.loads(entry.body)["fraction"] == 0.98
    assert not buffer


def test_lines_and_partial_outputs_keep_their_order():
    buffer = FeedBuffer()
    buffer.line("a", "one", level="info", at=1)
    buffer.partial("a", '{"text":"x"}', at=2)
    buffer.line("a", "two", level="info", at=3)
    assert [entry.kind for entry in buffer.take()] == ["log", "partial", "log"]


def test_a_runaway_print_is_cut_off_with_a_word_about_it():
    buffer = FeedBuffer()
    for number in range(MAX_LINES + 500):
        buffer.line("a", str(number), level="stdout", at=0)
    entries = buffer.take()
    assert len(entries) == MAX_LINES
    assert "dropped" in entries[-1].body
    buffer.forget("a")
    buffer.line("a", "the next attempt", level="stdout", at=0)
    assert len(buffer.take()) == 1


def test_a_long_line_is_shortened():
    buffer = FeedBuffer()
    buffer.line("a", "x" * 100_000, level="stdout", at=0)
    assert len(json.loads(buffer.take()[0].body)["message"]) == MAX_LINE


def test_what_could_not_be_written_stays_in_front():
    buffer = FeedBuffer()
    buffer.line("a", "one", level="info", at=1)
    failed = buffer.take()
    buffer.line("a", "two", level="info", at=2)
    buffer.put_back(failed)
    assert [json.loads(entry.body)["message"] for entry in buffer.take()] == ["one", "two"]


def test_a_flush_is_due_at_once_after_a_quiet_time_and_then_at_most_twenty_times_a_second():
    buffer = FeedBuffer()
    assert buffer.due_at() == float("inf")
    buffer.line("a", "one", level="info", at=1)
    assert buffer.due_at() == float("-inf")
    buffer.flushed_at = 100.0
    assert buffer.due_at() == 100.0 + FLUSH_EVERY_S
