"""``kill -9`` with real processes: every job that was acknowledged ends once, as it should."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest

from pilotlight.contracts.job import JobStatus
from tests.live import Live, until
from tests.receiver import receiver

ECHO = "pilotlight/echo"


@pytest.fixture
def live(tmp_path):
    running = Live(tmp_path / "data", settings={"WEBHOOK__SCHEDULE_S": "[0, 0.2, 0.5, 1, 2, 5]"})
    running.start()
    yield running
    with contextlib.suppress(ProcessLookupError):
        running.process.kill()
    running.kill_everything()


def rows(live, sql, *args):
    with contextlib.closing(sqlite3.connect(live.data / "jobs.db")) as database:
        return database.execute(sql, args).fetchall()


def running_replica(live, job_id):
    """Process ids of the replica that holds the job: its parent and its child."""

    def look():
        found = rows(
            live,
            "SELECT pid FROM replica WHERE id = "
            "(SELECT owner FROM job WHERE id = ? AND status = 'running')",
            job_id,
        )
        return found and found[0][0]

    parent = until(look, what=f"{job_id} to run")
    (child,) = until(lambda: children(parent), what="the child")
    return parent, child


def children(pid):
    with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{pid}/children") as file:  # noqa: PTH123
        return [int(child) for child in file.read().split()]
    return []


def outcomes(live, job_id):
    return [
        o
        for (o,) in rows(live, "SELECT outcome FROM attempt WHERE job_id = ? ORDER BY seq", job_id)
    ]


@pytest.mark.parametrize("victim", ["parent", "child"])
def test_a_killed_replica_costs_no_job(live, victim):
    job_id = live.submit(ECHO, {"text": "survivor", "sleep_s": 2})
    parent, child = running_replica(live, job_id)

    os.kill(parent if victim == "parent" else child, signal.SIGKILL)

    answer = live.finished(ECHO, job_id)
    assert (answer.status, answer.json) == (200, {"text": "survivor"})
    assert outcomes(live, job_id) == ["T10" if victim == "parent" else "T7", "T6"]
    assert rows(live, "SELECT attempts, losses FROM job WHERE id = ?", job_id) == [
        (1, 1) if victim == "parent" else (2, 0)
    ]
    until(lambda: not alive(child), what="the old child to go")


def alive(pid):
    with contextlib.suppress(OSError), open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
        return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    return False


def submit_many(live, count, hook, acknowledged, at, pull):
    """Submit from several threads; pull the plug when ``at`` jobs are acknowledged."""

    def one(n):
        body = {"text": str(n), "sleep_s": 0.1 if n % 3 == 0 else 0}
        with contextlib.suppress(OSError, AssertionError):
            job_id = live.submit(ECHO, body, query=f"?fal_webhook={hook}")
            acknowledged[job_id] = str(n)
            if len(acknowledged) == at:
                pull()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(one, range(count)))


@pytest.mark.parametrize("plug", ["the ingress", "everything"])
def test_a_pulled_plug_in_the_middle_of_it_all_loses_nothing(live, plug):
    def pull():
        if plug == "everything":
            live.kill_everything()
        else:
            os.kill(live.process.pid, signal.SIGKILL)

    acknowledged = {}
    with receiver() as hook:
        submit_many(live, 90, hook.url, acknowledged, 45, pull)
        live.process.wait(60)
        live.start()
        for job_id, text in acknowledged.items():
            answer = live.finished(ECHO, job_id)
            assert (answer.status, answer.json) == (200, {"text": text})
        told = {}
        until(
            lambda: gather(hook, told) >= acknowledged.keys(),
            what="a webhook for every acknowledged job",
        )

    assert 45 <= len(acknowledged) < 90
    assert all(told[job_id] == {"text": text} for job_id, text in acknowledged.items())
    every = until(
        lambda: (ended := rows(live, "SELECT id, status FROM job")) and no_longer_held(ended),
        what="the jobs whose acknowledgement was lost to end too",
    )
    assert {status for _, status in every} == {"succeeded"}
    for job_id, _ in every:
        assert outcomes(live, job_id).count("T6") == 1
        assert outcomes(live, job_id)[-1] == "T6"
    assert rows(live, "PRAGMA integrity_check") == [("ok",)]


def no_longer_held(every):
    """The rows, once every one of them has ended."""
    return every if all(JobStatus(status).is_terminal for _, status in every) else None


def gather(hook, told):
    while not hook.posted.empty():
        posted = hook.posted.get().json
        told[posted["request_id"]] = posted["payload"]
    return told.keys()


def test_a_stopped_product_leaves_nothing_behind_and_hands_jobs_on(live):
    job_id = live.submit(ECHO, {"text": "later", "sleep_s": 0})
    live.finished(ECHO, job_id)
    waiting = live.submit(ECHO, {"text": "after", "sleep_s": 3})
    running_replica(live, waiting)

    assert live.stop() == 0
    live.start()

    assert live.finished(ECHO, waiting).json == {"text": "after"}
    row = rows(live, "SELECT losses, attempts FROM job WHERE id = ?", waiting)
    assert row == [(0, 1)]
    assert json.loads(live.ask("GET", "/readyz").body) is not None
