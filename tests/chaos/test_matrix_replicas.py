"""Rows of the fault matrix that strike replicas: real processes under a real ``pilotlight up``.

Ids begin with the number of the row in ``tests/chaos/matrix.py``.
"""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.chaos.rows import Rows, alive, children
from tests.chaos.storm import SHORT_TIMERS, WORKERS
from tests.live import Live, until
from tests.receiver import receiver

GUST, ROCK = "chaos/gust", "chaos/rock"


@pytest.fixture
def live(tmp_path):
    running = Live(tmp_path / "data", settings={"WORKERS": WORKERS, **SHORT_TIMERS})
    running.start()
    yield running
    running.kill_everything()


@pytest.fixture
def rows(live):
    return Rows(live.data)


@pytest.fixture
def gate(tmp_path):
    """Jobs with ``gate=str(gate)`` run until it is touched."""
    return tmp_path / "gate"


def row(number):
    return pytest.mark.parametrize("row", [pytest.param(number, id=f"row-{number}")])


def running(rows, job_id):
    """Parent and child of the replica that runs the job."""
    _, parent = until(lambda: rows.holder(job_id), what=f"{job_id} to run")
    (child,) = until(lambda: children(parent), what="the child")
    return parent, child


def cancel(live, endpoint, job_id):
    return live.ask("PUT", f"/queue/{endpoint}/requests/{job_id}/cancel")


@row(8)
def test_what_a_killed_replica_leaves_in_its_scratch_is_removed(live, rows, gate, row):
    job_id = live.submit(GUST, {"text": "cut short", "gate": str(gate), "file_bytes": 1000})
    replica_id, parent = until(lambda: rows.holder(job_id), what="it to run")
    scratch = live.data / "scratch" / replica_id
    until(scratch.is_dir, what="scratch")

    os.kill(parent, signal.SIGKILL)
    gate.touch()

    assert live.finished(GUST, job_id).json["text"] == "cut short"
    until(lambda: not scratch.exists(), what="the scratch to go")


@row(12)
def test_sigterm_on_a_busy_replica_costs_its_job_no_attempt(live, rows, gate, row):
    job_id = live.submit(GUST, {"text": "finishes or moves", "gate": str(gate)})
    parent, _ = running(rows, job_id)

    os.kill(parent, signal.SIGTERM)
    gate.touch()

    until(lambda: not alive(parent), what="the replica to leave")
    assert live.finished(GUST, job_id).status == 200
    assert rows("SELECT attempts, losses FROM job WHERE id = ?", job_id) == [(1, 0)]


@row(16)
def test_a_replica_that_stood_still_past_its_lease_commits_nothing_when_it_wakes(
    live, rows, gate, row
):
    job_id = live.submit(GUST, {"text": "whose", "gate": str(gate), "file_bytes": 10})
    parent, _ = running(rows, job_id)
    os.kill(parent, signal.SIGSTOP)
    gate.touch()  # its child goes on and leaves a result in the socket

    answer = live.finished(GUST, job_id)
    after = rows("SELECT * FROM job WHERE id = ?", job_id)
    if alive(parent):  # the supervisor may have lost its patience first
        os.kill(parent, signal.SIGCONT)
    later = live.submit(GUST, {"text": "later", "sleep_s": 0.2})

    assert (answer.status, answer.json["text"]) == (200, "whose")
    assert rows.outcomes(job_id) == ["T10", "T6"]
    live.finished(GUST, later)
    until(lambda: live.stop() == 0, what="the end of everything")
    assert rows("SELECT * FROM job WHERE id = ?", job_id) == after


@row(16)
def test_one_that_stands_still_under_a_dead_supervisor_does_not_keep_its_place(
    live, rows, gate, row
):
    job_id = live.submit(ROCK, {"text": "only one may run", "gate": str(gate)})
    parent, child = running(rows, job_id)
    os.kill(parent, signal.SIGSTOP)
    os.kill(live.process.pid, signal.SIGKILL)
    live.process.wait()
    gate.touch()

    live.start()

    assert live.finished(ROCK, job_id).json["text"] == "only one may run"
    until(lambda: not (alive(parent) or alive(child)), what="the old processes to go")


@row(18)
def test_a_model_that_stands_still_is_killed_although_its_parent_beats(live, rows, gate, row):
    job_id = live.submit(ROCK, {"text": "hung", "gate": str(gate)})
    parent, child = running(rows, job_id)

    os.kill(child, signal.SIGSTOP)
    gate.touch()

    assert live.finished(ROCK, job_id).json["text"] == "hung"
    assert rows.outcomes(job_id) == ["T7", "T6"]
    assert alive(parent)
    assert not alive(child)


@row(23)
def test_a_job_that_kills_every_replica_fails_at_the_third_and_harms_no_other(live, rows, row):
    with receiver() as hook:
        query = f"?fal_webhook={hook.url}"
        poison = live.submit(ROCK, {"text": "poison", "poison": True}, query=query)
        good = live.submit(ROCK, {"text": "good"})

        assert live.finished(ROCK, poison).status == 503
        assert hook.next().json["error"].endswith("(3 of 3)")

    assert rows.outcomes(poison) == ["T10", "T10", "T11"]
    assert live.finished(ROCK, good).json["text"] == "good"
    assert rows("SELECT losses FROM job WHERE id = ?", good) == [(0,)]


@row(51)
def test_a_cancelled_job_in_one_long_step_loses_its_process_at_once(live, rows, tmp_path, row):
    started = tmp_path / "started"
    job_input = {"text": "deaf", "sleep_s": 3000, "deaf": True, "started": str(started)}
    job_id = live.submit(ROCK, job_input)
    until(started.exists, what="its model to begin")
    _, child = running(rows, job_id)

    assert cancel(live, ROCK, job_id).status == 202

    until(lambda: not alive(child), what="the child to die", patience_s=20)
    after = live.submit(ROCK, {"text": "the place is free"})
    assert live.finished(ROCK, after).status == 200
    assert rows.one("SELECT status FROM job WHERE id = ?", job_id) == "cancelled"


@row(61)
def test_a_power_cut_in_the_middle_of_many_jobs_loses_none(live, rows, row):
    ids = [live.submit(GUST, {"text": str(n), "sleep_s": 0.1}) for n in range(40)]
    until(lambda: rows.one("SELECT count(*) FROM attempt WHERE outcome = 'T6'") > 5, what="some")

    live.kill_everything()
    live.start()

    for n, job_id in enumerate(ids):
        assert live.finished(GUST, job_id).json["text"] == str(n)
    assert rows.one("SELECT max(n) FROM (SELECT count(*) AS n FROM attempt WHERE outcome = 'T6' "
                    "GROUP BY job_id)") == 1  # fmt: skip


@row(50)
def test_of_cancel_and_complete_exactly_one_wins_and_the_caller_hears_which(live, rows, row):
    """Cancels are fired while jobs of no length run on eight slots: the two meet all the time."""

    def race(number):
        job_id = live.submit(GUST, {"text": str(number)})
        return job_id, cancel(live, GUST, job_id)

    with ThreadPoolExecutor(4) as pool:
        races = list(pool.map(race, range(200)))

    until(lambda: rows.waiting() == 0, what="everything to end")
    won = {answer.status for _, answer in races}
    for job_id, answer in races:
        status = rows.one("SELECT status FROM job WHERE id = ?", job_id)
        assert status == ("cancelled" if answer.status == 202 else "succeeded"), answer
        assert ("T6" in rows.outcomes(job_id)) == (answer.status == 400)
    assert won <= {202, 400}
    assert 202 in won


@row(56)
def test_a_start_storm_starts_no_more_replicas_than_its_plan(live, rows, row):
    def submit(number):
        return live.submit(GUST, {"text": str(number), "sleep_s": 0.05})

    with ThreadPoolExecutor(4) as pool:
        ids = list(pool.map(submit, range(300)))
    until(lambda: rows.waiting() == 0, what="everything to end")

    assert len(ids) == 300
    started = rows("SELECT asked_at, coalesce(ended_at, 9e9) FROM replica WHERE worker = 'gust'")
    at_once = [sum(start <= at < end for start, end in started) for at, _ in started]
    assert max(at_once) <= 4
