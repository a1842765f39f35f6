"""What every feed must do; run against every adapter."""

from __future__ import annotations

from pilotlight.ports.feed import NewEntry


def entry(job_id, kind, body):
    return NewEntry(job_id, kind, body, 1.0)


def test_a_job_reads_its_own_entries_in_order(feed):
    feed.append([entry("a", "log", "1"), entry("b", "log", "x"), entry("a", "progress", "2")])
    feed.append([entry("a", "partial", "3")])

    assert [(e.kind, e.body) for e in feed.read("a")] == [
        ("log", "1"),
        ("progress", "2"),
        ("partial", "3"),
    ]


def test_reading_on_gives_only_what_is_new(feed):
    feed.append([entry("a", "log", "1")])
    (first,) = feed.read("a")
    feed.append([entry("a", "log", "2"), entry("a", "log", "3")])

    assert [e.body for e in feed.read("a", after=first.seq)] == ["2", "3"]
    assert [e.body for e in feed.read("a", after=first.seq, limit=1)] == ["2"]


def test_one_kind_can_be_asked_for(feed):
    feed.append([entry("a", "log", "1"), entry("a", "partial", "2")])

    assert [e.body for e in feed.read("a", kind="partial")] == ["2"]


def test_a_job_without_entries_has_none(feed):
    assert feed.read("nobody") == []
