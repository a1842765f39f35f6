"""What only SQLite has to prove: indexes, priorities, processes side by side, versions."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from dataclasses import replace

import pytest

from pilotlight.adapters.local import statements
from pilotlight.adapters.local.database import BIG_WAL_BYTES, Database
from pilotlight.adapters.local.queue import TableQueueReceiver
from pilotlight.adapters.local.schema import HELD_SQL
from pilotlight.adapters.local.store import SqliteStore
from pilotlight.adapters.local.wake import WakeSocket
from pilotlight.contracts import group, moves
from pilotlight.contracts.job import JobStatus
from pilotlight.errors import SettingsError, Unavailable


@pytest.fixture
def receiver(database, clock):
    opened = TableQueueReceiver(database, WakeSocket(), clock, worker="echo", replica_id="r1")
    yield opened
    opened.close()


def queued(make_job, **changes):
    return make_job(status=JobStatus.QUEUED, **changes)


def test_low_priority_and_later_jobs_come_after(database, receiver, make_job):
    jobs = [queued(make_job, priority=1), queued(make_job), queued(make_job)]
    SqliteStore(database).create(jobs)

    order = [delivery.job_id for delivery in receiver.receive(limit=9)]

    assert order == [jobs[1].id, jobs[2].id, jobs[0].id]


def test_an_expired_or_delayed_job_at_the_head_starves_nobody(database, receiver, make_job, clock):
    heads = [
        queued(make_job, start_by=clock.now() - 1),
        queued(make_job, not_before=clock.now() + 100),
        queued(make_job, attempts=4),
    ]
    good = queued(make_job)
    SqliteStore(database).create([*heads, good])

    assert [delivery.job_id for delivery in receiver.receive(limit=1)] == [good.id]


QUERIES = {
    "next_ready": (statements.next_ready(), {"worker": "w", "now": 1.0, "limit": 1}, "job_ready"),
    "due": ("SELECT id FROM job WHERE due_at <= ? ORDER BY due_at LIMIT 9", (1,), "job_due"),
    "next_due": ("SELECT min(due_at) FROM job WHERE due_at IS NOT NULL", (), "job_due"),
    "webhooks": (
        "SELECT id FROM job WHERE webhook_due <= ? ORDER BY webhook_due LIMIT 9",
        (1,),
        "job_webhook",
    ),
    "purge": (
        "SELECT id FROM job WHERE forget_at <= ? AND webhook_due IS NULL LIMIT 9",
        (1,),
        "job_forget",
    ),
    "held_by": (f"SELECT id FROM job WHERE owner = ? AND {HELD_SQL}", ("r",), "job_running"),
    "running": (
        f"SELECT worker, count(*) FROM job WHERE {HELD_SQL} GROUP BY worker",
        (),
        "job_running",
    ),
}


@pytest.mark.parametrize("name", QUERIES)
def test_the_machinery_asks_only_partial_indexes(database, name):
    sql, args, index = QUERIES[name]

    plan = " ".join(row[3] for row in database.read(f"EXPLAIN QUERY PLAN {sql}", args))

    assert f"INDEX {index}" in plan
    assert "TEMP B-TREE" not in plan


def test_finished_rows_weigh_nothing_in_the_index_of_waiting_ones(database, make_job, clock):
    store = SqliteStore(database)
    store.create([queued(make_job, id=f"done-{n}") for n in range(300)])
    with store.together():
        for n in range(300):
            job = store.get(f"done-{n}")
            store.move(job.id, moves.cancel(job, now=clock.now()))

    assert store.load(now=clock.now()) == {}
    steps = []
    reader = sqlite3.connect(database._path)
    reader.execute("SELECT 1 FROM job LIMIT 0")  # a new connection reads the schema first
    reader.set_progress_handler(lambda: steps.append(1) and None, 10)
    reader.execute(statements.next_ready(), {"worker": "echo", "now": 1.0, "limit": 1}).fetchall()
    reader.close()
    assert len(steps) < 20  # a scan of 300 rows takes hundreds of steps of ten instructions


LOOKS = {
    "waiting": lambda store, now: store.waiting(),
    "load": lambda store, now: store.load(now=now),
    "queued": lambda store, now: store.queued("echo", now=now, most=1000),
    "held": lambda store, now: store.held_by("r1"),
    "due": lambda store, now: store.due(now=now),
    "next due": lambda store, now: store.next_due(),
    "webhooks": lambda store, now: store.webhooks_due(now=now),
    "next webhook": lambda store, now: store.next_webhook_due(),
}


@pytest.mark.parametrize("name", LOOKS)
def test_what_is_asked_all_the_time_passes_over_finished_rows(database, make_job, clock, name):
    store = SqliteStore(database)
    store.create([make_job(id=f"done-{n}", status=JobStatus.SUCCEEDED) for n in range(500)])
    connection, steps = database.read.__self__, []
    LOOKS[name](store, clock.now())  # a new connection reads the schema first
    connection.set_progress_handler(lambda: steps.append(1) and None, 10)

    LOOKS[name](store, clock.now())

    connection.set_progress_handler(None, 0)
    assert len(steps) < 20  # to look at 500 rows takes hundreds of steps of ten instructions


def test_the_first_of_a_long_queue_is_not_measured_against_all_that_wait(database, make_job):
    store = SqliteStore(database)
    first, *rest = (queued(make_job, id=f"job-{n}") for n in range(500))
    store.create([first, *rest])
    connection, steps = database.read.__self__, []
    assert store.ahead_of(rest[-1]) == 499
    connection.set_progress_handler(lambda: steps.append(1) and None, 10)

    assert store.ahead_of(first) == 0

    connection.set_progress_handler(None, 0)
    assert len(steps) < 20


WRITER = """
import sys
from pathlib import Path
from pilotlight.adapters.local.database import BIG_WAL_BYTES, Database
database = Database(Path(sys.argv[1]))
for _ in range(200):
    with database.write() as execute:
        value = execute("SELECT value FROM note WHERE name = 'count'").fetchone()[0]
        execute("UPDATE note SET value = ? WHERE name = 'count'", (value + 1,))
"""


def test_several_processes_write_without_losing_a_thing(tmp_path):
    path = tmp_path / "jobs.db"
    database = Database(path)
    with database.write() as execute:
        execute("INSERT INTO note VALUES ('count', 0)")
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path)]) for _ in range(3)]

    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    assert database.read("SELECT value FROM note WHERE name = 'count'").fetchone() == (600,)
    database.close()


def test_a_nested_write_belongs_to_the_outer_one(database):
    def outer():
        with database.write() as execute:
            execute("INSERT INTO note VALUES ('a', 1)")
            with database.write() as inner:
                inner("INSERT INTO note VALUES ('b', 2)")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        outer()

    assert database.read("SELECT count(*) FROM note").fetchone() == (0,)


def test_an_error_that_the_outer_write_gets_over_undoes_nothing(database):
    def inner():
        with database.write() as execute:
            execute("INSERT INTO note VALUES ('b', 2)")
            raise ZeroDivisionError

    with database.write() as execute:
        execute("INSERT INTO note VALUES ('a', 1)")
        with pytest.raises(ZeroDivisionError):
            inner()

    assert database.read("SELECT count(*) FROM note").fetchone() == (2,)


def test_a_file_of_another_release_is_refused_in_words(tmp_path):
    path = tmp_path / "jobs.db"
    Database(path).close()
    raw = sqlite3.connect(path)
    raw.execute("PRAGMA user_version = 99")
    raw.close()

    with pytest.raises(SettingsError, match="schema 99"):
        Database(path)


def test_the_log_has_its_whole_size_before_it_is_full(database, make_job, tmp_path):
    store = SqliteStore(database)
    store.create([make_job()])
    log = tmp_path / "jobs.db-wal"

    assert database.checkpoint() is False
    assert log.stat().st_size == BIG_WAL_BYTES
    store.create([make_job() for _ in range(50)])
    assert log.stat().st_size == BIG_WAL_BYTES, "a commit overwrites"
    assert database.checkpoint() is False


def test_the_table_and_all_that_goes_with_it_are_for_their_owner_alone(tmp_path, make_job):
    """Wherever the folder lies: the log holds what callers asked for as well."""
    database = Database(tmp_path / "jobs.db")
    SqliteStore(database).create([make_job()])

    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in tmp_path.glob("jobs.db*")}
    database.close()
    names = ("jobs.db", "jobs.db-wal", "jobs.db-shm", "jobs.db.lock")
    assert modes == dict.fromkeys(names, "0o600")


def test_rows_outlive_a_process_that_dies_before_its_log_is_full(make_job, tmp_path):
    """The log of zeros is read again by a process that knows nothing of it."""
    path = tmp_path / "jobs.db"
    dies = (
        "import os, sys; from pathlib import Path\n"
        "from pilotlight.adapters.local.database import Database\n"
        "database = Database(Path(sys.argv[1])); database.checkpoint()\n"
        "with database.write() as execute: execute('CREATE TABLE told (word TEXT)')\n"
        "for n in range(30):\n"
        "    with database.write() as execute: execute('INSERT INTO told VALUES (?)', (n,))\n"
        "os._exit(9)\n"
    )
    assert subprocess.run([sys.executable, "-c", dies, str(path)], check=False).returncode == 9
    assert path.with_name("jobs.db-wal").stat().st_size == BIG_WAL_BYTES

    again = Database(path)
    try:
        assert again.read("SELECT count(*) FROM told").fetchone() == (30,)
        assert again.read("PRAGMA integrity_check").fetchone() == ("ok",)
    finally:
        again.close()


def test_the_log_is_folded_back_when_it_is_big(database, make_job, tmp_path):
    assert database.checkpoint() is False
    big = "x" * 1_000_000
    store = SqliteStore(database)
    store.create([replace(make_job(), input=big) for _ in range(20)])
    log = tmp_path / "jobs.db-wal"
    assert log.stat().st_size > BIG_WAL_BYTES

    assert database.checkpoint() is True
    size = log.stat().st_size
    store.create([make_job()])
    assert log.stat().st_size == size, "it began again"
    assert database.checkpoint() is False
    assert len(store.list_jobs(limit=50)) == 21


def test_a_commit_that_fails_leaves_the_next_write_unharmed(database):
    with database.write() as execute:
        execute("CREATE TABLE a (id INTEGER PRIMARY KEY)")
        execute("CREATE TABLE b (a INTEGER REFERENCES a DEFERRABLE INITIALLY DEFERRED)")
    database._writer.execute("PRAGMA foreign_keys = ON")

    def orphan():
        with database.write() as execute:
            execute("INSERT INTO b VALUES (7)")  # refused by COMMIT, not here

    with pytest.raises(sqlite3.IntegrityError):
        orphan()

    with database.write() as execute:
        execute("INSERT INTO a VALUES (1)")
    assert database.read("SELECT count(*) FROM b").fetchone() == (0,)


def test_a_full_disk_is_told_as_trouble_that_may_pass(database, make_job):
    store = SqliteStore(database)
    (pages,) = database.read("PRAGMA page_count").fetchone()
    database._writer.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(Unavailable, match="full"):
        store.create([replace(make_job(), input="x" * 1_000_000)])

    database._writer.execute("PRAGMA max_page_count = 100000")
    store.create([make_job()])
    assert len(store.list_jobs()) == 1


def test_no_room_for_the_tables_is_told_as_trouble_that_may_pass(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "pilotlight.adapters.local.database._PRAGMAS", ("PRAGMA max_page_count = 1",)
    )
    with pytest.raises(Unavailable, match="cannot be made: database or disk is full"):
        Database(tmp_path / "jobs.db")

    monkeypatch.undo()
    Database(tmp_path / "jobs.db").close()


def test_all_rows_are_walked_over_many_pages(database, make_job):
    store = SqliteStore(database)
    store.create([queued(make_job) for _ in range(1203)])

    assert len({job.id for job in store.every()}) == 1203


def test_rows_with_long_texts_are_walked_a_few_at_a_time(database, make_job, monkeypatch):
    """Five hundred outputs of a megabyte ended the operator's own command."""
    monkeypatch.setattr(group, "MOST_CHARS", 2500)
    store = SqliteStore(database)
    jobs = [queued(make_job, input='"' + "x" * 998 + '"') for _ in range(7)]
    store.create(jobs)
    read = []
    database.read("SELECT 1")
    database._readers.connection.set_trace_callback(read.append)

    walked = [job.id for job in store.every()]

    assert walked == [job.id for job in reversed(jobs)]
    assert len(read) == 4, "three, three, one and none"
