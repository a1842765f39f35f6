"""Rows of the fault matrix that strike the ingress and upkeep of a running product."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.chaos.rows import Rows
from tests.chaos.storm import SHORT_TIMERS, WORKERS
from tests.live import Live, until

GUST = "chaos/gust"


@pytest.fixture
def live(tmp_path):
    running = Live(tmp_path / "data", settings={"WORKERS": WORKERS, **SHORT_TIMERS})
    running.start()
    yield running
    running.kill_everything()


@pytest.fixture
def rows(live):
    return Rows(live.data)


def row(number):
    return pytest.mark.parametrize("row", [pytest.param(number, id=f"row-{number}")])


@row(6)
def test_a_hundred_posts_under_one_key_at_once_are_one_job(live, rows, row):
    def post(_number):
        return live.submit(GUST, {"text": "one"}, idempotency_key="one")

    with ThreadPoolExecutor(20) as pool:
        ids = set(pool.map(post, range(100)))

    assert len(ids) == 1
    assert live.finished(GUST, ids.pop()).json["text"] == "one"
    assert rows.one("SELECT count(*) FROM job") == 1


@row(4)
def test_a_caller_whose_answer_was_cut_off_finds_its_job_under_the_same_key(live, rows, row):
    def submit(number):
        try:
            return live.submit(GUST, {"text": str(number)}, idempotency_key=f"key-{number}")
        except OSError:
            return None

    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(submit, number) for number in range(200)]
        until(lambda: sum(one.done() for one in asked) >= 40, what="some answers")
        os.kill(live.process.pid, signal.SIGKILL)
    told = [one.result() for one in asked]
    live.process.wait()
    live.start()

    again = [submit(number) for number in range(200)]

    assert None in told
    assert all(before in (None, after) for before, after in zip(told, again, strict=True))
    assert rows.one("SELECT count(*) FROM job") == 200
    for number, job_id in enumerate(again):
        assert live.finished(GUST, job_id).json["text"] == str(number)


@row(54)
def test_while_the_supervisor_stands_still_its_replicas_go_on(live, rows, tmp_path, row):
    gate = tmp_path / "gate"
    ids = [live.submit(GUST, {"text": str(n), "gate": str(gate)}) for n in range(12)]
    until(lambda: rows.holder(ids[0]), what="the first to run")

    os.kill(live.process.pid, signal.SIGSTOP)
    try:
        gate.touch()
        until(lambda: rows.waiting() == 0, what="all of them to end without it")
    finally:
        os.kill(live.process.pid, signal.SIGCONT)

    for n, job_id in enumerate(ids):
        assert live.finished(GUST, job_id).json["text"] == str(n)
        assert rows.outcomes(job_id) == ["T6"]
    assert rows.one("SELECT count(*) FROM replica WHERE worker = 'gust'") <= 4
