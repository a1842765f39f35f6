"""fal's rules for trying again, as a table: header before worker before deployment."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest

from handlers.dialects.fal.retries import retries_of
from pilotlight.contracts.job import JobError, JobStatus
from pilotlight.contracts.retries import MOST, Retries, agreed
from pilotlight.contracts.worker import WorkerSpec
from pilotlight.errors import InvalidInput, OutOfMemory, ReplicaFailure, RunTimeout, WorkerError
from pilotlight.execution.reaper import decide as reap
from pilotlight.execution.retry import GPU_ERROR, Failure, Retry, decide
from pilotlight.intake.terms import terms
from pilotlight.settings import JobSettings
from workers.echo import WORKER


class Busy(WorkerError):
    code = "upstream_busy"
    retryable = True


FAILURES = {
    "bad input": Failure.of(InvalidInput("no")),
    "exception": Failure(JobError("worker_error", "ValueError: no")),
    "timeout": Failure.of(RunTimeout("too long")),
    "busy": Failure.of(Busy("later")),
    "gpu": Failure(JobError(GPU_ERROR, "illegal memory access"), retryable=True),
    "memory": Failure.of(OutOfMemory("no room")),
    "process": Failure.of(ReplicaFailure("died")),
}
TABLE = [
    # what failed, what the header says, extra attempts it gets (the deployment's own are 3)
    ("bad input", None, 0),
    ("bad input", {"server_error": 9}, 0),
    ("exception", None, 0),
    ("exception", {"server_error": 9, "connection_error": 9, "timeout": 9}, 0),
    ("timeout", None, 0),
    ("timeout", {"timeout": 2}, 2),
    ("timeout", {"server_error": 5}, 0),
    ("busy", None, 3),
    ("busy", {"server_error": 0}, 0),
    ("busy", {"server_error": 5}, 5),
    ("busy", {"server_error": 50}, 9),
    ("busy", {"timeout": 7}, 3),
    ("busy", {"connection_error": 0}, 3),
    ("gpu", None, 1),
    ("gpu", {"server_error": 4}, 4),
    ("gpu", {"timeout": 4}, 1),
    ("memory", {"server_error": 2}, 2),
    ("process", None, 3),
    ("process", {"connection_error": 1}, 1),
    ("process", {"server_error": 1}, 1),
    ("process", {"server_error": 1, "connection_error": 4}, 4),
]


def extra_attempts(failure, row):
    """How often a job that always fails so is tried again."""
    rng, retries = random.Random(1), row.retries and Retries.read(row.retries)
    for attempt in range(1, 20):
        decision = decide(
            failure, attempt=attempt, max_attempts=row.max_attempts, rng=rng, retries=retries
        )
        if not isinstance(decision, Retry):
            return attempt - 1
    raise AssertionError("it never ends")


@pytest.mark.parametrize(("what", "asked", "extra"), TABLE)
def test_a_failure_gets_the_extra_attempts_its_condition_was_given(submission, what, asked, extra):
    header = asked and json.dumps({name: {"retries": count} for name, count in asked.items()})
    wish = submission(retries=retries_of(header))

    row = terms(wish, WORKER.spec, JobSettings())

    assert extra_attempts(FAILURES[what], row) == extra


def spec(**retries):
    return WorkerSpec.model_validate({**dict(WORKER.spec), "retries": retries})


def test_the_header_goes_before_the_worker_and_the_worker_before_the_deployment(submission):
    wish = submission(retries={"timeout": 1})

    row = terms(wish, spec(timeout=5, server_error=0), JobSettings())

    assert extra_attempts(FAILURES["timeout"], row) == 1
    assert extra_attempts(FAILURES["busy"], row) == 0


def test_no_retry_goes_before_everything(submission):
    wish = submission(retries={"server_error": 5}, may_retry=False)

    row = terms(wish, spec(server_error=5), JobSettings())

    assert (row.max_attempts, row.max_losses, row.retries) == (1, 1, None)
    assert extra_attempts(FAILURES["busy"], row) == 0


def test_a_lost_lease_is_a_broken_connection(submission):
    assert terms(submission(retries={"connection_error": 0}), spec(), JobSettings()).max_losses == 1
    assert terms(submission(retries={"server_error": 4}), spec(), JobSettings()).max_losses == 5
    assert terms(submission(retries={"timeout": 4}), spec(), JobSettings()).max_losses == 3


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "null", "[]", "7", '"x"', "[" * 100_000, '{"server_error": 3}',
        '{"server_error": {"retries": "3"}}', '{"server_error": {"retries": -1}}',
        '{"server_error": {"retries": true}}', '{"server_error": {"retries": 1.5}}',
        '{"server_error": {"again": 3}}', '{"weather": {"retries": 3}}',
    ],
    ids=lambda text: text[:30],
)  # fmt: skip
def test_what_cannot_be_read_is_ignored(text):
    assert retries_of(text) == {}


def test_unknown_keys_do_not_spoil_the_known_ones():
    header = '{"weather": {"retries": 1}, "timeout": {"retries": 2, "delay": 5}, "server_error": 1}'
    assert retries_of(header) == {"timeout": 2}
    assert retries_of('{"timeout": {"retries": 1e1}}') == {}
    assert retries_of('{"timeout": {"retries": 1000000}}') == {"timeout": MOST}


def test_what_nobody_named_keeps_no_row_wide():
    assert agreed({}, {}, otherwise=3) is None
    assert agreed({"weather": 4}, {}, otherwise=3) is None
    kept = agreed({"timeout": 1}, {}, otherwise=3)
    assert Retries.read(kept.text()) == kept


def test_upkeep_returns_a_silent_attempt_that_outran_its_time_where_another_was_asked_for(make_job):
    silent = make_job(
        status=JobStatus.RUNNING, attempts=1, fence=1, lease_until=100.0, run_by=50.0, owner="r"
    )
    asked = replace(silent, retries=Retries(3, {"timeout": 1}).text())

    def moved(job):
        return reap(job, now=200.0, margin_s=10, resend_s=None).transition.name

    assert (moved(silent), moved(asked), moved(replace(asked, attempts=2))) == ("T14", "T10", "T14")
