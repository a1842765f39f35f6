"""Whatever a model does to its process, every job gets exactly one truthful end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pilotlight.adapters.local.clock import SystemClock
from pilotlight.contracts.job import JobStatus


def is_running(pid):
    """Whether the process exists and is more than a name waiting to be read."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_job_runs_and_its_output_is_kept(rig_of):
    rig = rig_of("waits")
    job_id = rig.submit({"text": "hello"})
    assert rig.output(job_id) == {"text": "hello"}
    job = rig.job(job_id)
    assert (job.attempts, job.fence, job.owner) == (1, 1, "replica-1")
    assert rig.outcomes(job_id) == ["T6"]


def test_a_plain_exception_fails_the_job_at_once_with_its_own_text_only(rig_of):
    rig = rig_of("raises-in-run")
    job_id = rig.submit({"text": "the tensor is sad"})
    error = rig.error(job_id)
    assert error["code"] == "worker_error"
    assert error["message"] == "RuntimeError: the tensor is sad"
    assert rig.outcomes(job_id) == ["T8"]
    assert any("raises_in_run.py" in line for line in rig.lines(job_id)), "no traceback in the log"


def test_a_refused_input_keeps_its_problems(rig_of):
    rig = rig_of("raises-in-run")
    error = rig.error(rig.submit({"text": "refuse"}))
    assert (error["code"], error["http_status"]) == ("invalid_input", 422)
    [problem] = error["problems"]
    assert (problem["loc"], problem["message"]) == (["body", "text"], "not this word")


def test_an_input_of_an_older_contract_is_refused_with_the_field(rig_of):
    rig = rig_of("raises-in-run")
    error = rig.error(rig.submit({"text": 5}))
    assert error["code"] == "invalid_input"
    assert error["problems"][0]["loc"] == ["body", "text"]


def test_a_process_that_exits_is_replaced_and_its_job_tried_again(rig_of):
    rig = rig_of("exits-in-run")
    job_id = rig.submit()
    rig.until(lambda: rig.outcomes(job_id) == ["T7"], "the first attempt to be retried")
    [first] = rig.store.attempts_of(job_id)
    assert json.loads(first.error)["code"] == "replica_failure"
    assert "exited with code 7" in first.error
    assert rig.output(job_id) == {"text": "attempt 2"}
    assert "last words" in rig.lines(job_id)
    assert rig.outcomes(job_id) == ["T7", "T6"]


def test_a_job_that_kills_every_process_fails_when_its_attempts_are_used_up(rig_of):
    rig = rig_of("exits-in-run")
    job_id = rig.submit({"text": "always"}, max_attempts=2)
    assert rig.error(job_id)["code"] == "replica_failure"
    assert rig.outcomes(job_id) == ["T7", "T8"]


@pytest.mark.parametrize("worker", ["hangs-in-run", "holds-interpreter"])
def test_a_process_that_does_not_answer_is_killed_and_its_job_tried_again(rig_of, worker):
    rig = rig_of(worker)
    job_id = rig.submit()
    assert rig.output(job_id) == {"text": "attempt 2"}
    assert "did not answer for 1 s" in rig.store.attempts_of(job_id)[0].error


def test_a_job_that_outruns_its_timeout_fails_and_its_process_is_killed(rig_of):
    rig = rig_of("ignores-cancel", replica={"cancel_grace_s": 0.1})
    rig.until(lambda: rig.replica_row().stage == "ready")
    before = rig.replica._keeper.pid
    job_id = rig.submit(run_timeout_s=0.2)
    assert rig.error(job_id)["code"] == "run_timeout"
    assert rig.outcomes(job_id) == ["T14"]
    assert rig.output(rig.submit({"text": "answer"})) == {"text": "answered"}
    assert not is_running(before)


class WallSet(SystemClock):
    """The wall clock is set by so many seconds: a laptop slept, or somebody set it."""

    by_s = 0.0

    def now(self):
        return super().now() + self.by_s


@pytest.mark.parametrize("by_s", [8 * 3600.0, -8 * 3600.0])
def test_a_wall_clock_that_is_set_costs_a_running_job_nothing(rig_of, tmp_path, by_s):
    rig = rig_of("waits", start=False)
    rig.clock = WallSet()
    rig.start()
    gate, started = tmp_path / "gate", tmp_path / "started"
    job_id = rig.submit({"started": str(started), "gate": str(gate)}, run_timeout_s=60)
    rig.started(started)
    rig.clock.by_s = by_s
    told = len(rig.entries(job_id, "progress"))  # the deadlines are looked at before each is told
    rig.until(lambda: len(rig.entries(job_id, "progress")) > told + 2, "it to go on")
    gate.touch()

    assert rig.output(job_id)
    assert rig.outcomes(job_id) == ["T6"]


def test_a_job_outruns_its_timeout_whatever_the_wall_clock_says(rig_of, tmp_path):
    rig = rig_of("waits", start=False)
    rig.clock = WallSet()
    rig.start()
    gate, started = tmp_path / "gate", tmp_path / "started"
    job_id = rig.submit({"started": str(started), "gate": str(gate)}, run_timeout_s=3)
    rig.started(started)
    rig.clock.by_s = -3600.0

    assert rig.error(job_id)["code"] == "run_timeout"
    assert rig.outcomes(job_id) == ["T14"]


def test_a_timeout_is_tried_again_where_somebody_asked_for_it(rig_of):
    rig = rig_of("ignores-cancel", replica={"cancel_grace_s": 0.1})
    rig.until(lambda: rig.replica_row().stage == "ready")
    asked = '{"otherwise":3,"timeout":1}'
    job_id = rig.submit(run_timeout_s=0.2, retries=asked)
    assert rig.error(job_id)["code"] == "run_timeout"
    assert rig.outcomes(job_id) == ["T7", "T8"]


def test_a_wrong_output_fails_the_job_and_names_the_field(rig_of):
    rig = rig_of("wrong-output")
    error = rig.error(rig.submit({"text": "field"}))
    assert error["code"] == "wrong_output"
    assert "text: Input should be a valid string" in error["message"]
    error = rig.error(rig.submit())
    assert "returned nothing: its run must `return Output(...)`" in error["message"]


def test_a_process_over_its_memory_limit_is_killed_and_tried_once_with_less(rig_of):
    rig = rig_of("eats-memory")
    job_id = rig.submit()
    assert rig.output(job_id) == {"text": "small"}
    first = json.loads(rig.store.attempts_of(job_id)[0].error)
    assert first["code"] == "out_of_memory"
    assert "of 0.3 GiB" in first["message"]


def test_a_gpu_out_of_memory_is_tried_once_with_less(rig_of):
    rig = rig_of("out-of-memory")
    assert rig.output(rig.submit()) == {"text": "attempt 2, small"}


def test_a_second_out_of_memory_ends_the_job(rig_of):
    rig = rig_of("out-of-memory")
    job_id = rig.submit({"text": "always"})
    assert rig.error(job_id)["code"] == "out_of_memory"
    assert rig.outcomes(job_id) == ["T7", "T8"]


def test_after_a_sticky_gpu_error_another_process_takes_over(rig_of):
    rig = rig_of("spoils-gpu")
    job_id = rig.submit()
    new_pid = rig.output(job_id)["text"]
    first = json.loads(rig.store.attempts_of(job_id)[0].error)
    assert first["code"] == "gpu_error"
    assert not first["message"].endswith(f" {new_pid}")


def test_helpers_die_with_the_process_that_started_them(rig_of):
    rig = rig_of("starts-helper")
    job_id = rig.submit({"text": "die"}, max_attempts=1)
    rig.error(job_id)
    [line] = [line for line in rig.lines(job_id) if line.startswith("helper")]
    rig.until(lambda: not is_running(int(line.split()[1])), "the helper to end")


def test_a_model_that_cannot_load_ends_the_replica_and_says_why(rig_of):
    rig = rig_of("raises-in-load")
    waiting = rig.submit()
    assert rig.gone() == 3
    row = rig.replica_row()
    assert (row.stage, row.error) == ("failed", "there are no weights in /models/none")
    assert rig.job(waiting).status is JobStatus.QUEUED


def test_a_process_that_dies_while_it_loads_counts_as_one_that_cannot_load(rig_of):
    rig = rig_of("exits-in-load")
    assert rig.gone() == 3
    assert "exited with code 9 while it loaded" in rig.replica_row().error


def test_a_load_that_takes_too_long_is_given_up(rig_of):
    rig = rig_of("slow-load")
    assert rig.gone() == 3
    assert rig.replica_row().error == "not loaded within 1 s, its load_timeout_s"


def test_a_child_that_cannot_be_started_is_a_load_failure(rig_of, monkeypatch):
    rig = rig_of("waits", start=False)
    monkeypatch.setattr("tests.replica_rig.child_argv", lambda *_: ["/nowhere/python"])
    rig.start()
    assert rig.gone() == 3
    assert "cannot be started" in rig.replica_row().error


def test_a_replaced_process_does_not_count_as_another_cold_start(rig_of):
    rig = rig_of("exits-in-run")
    rig.until(lambda: rig.replica_row().stage == "ready")
    before = rig.replica_row()
    job_id = rig.submit()
    assert rig.output(job_id) == {"text": "attempt 2"}
    after = rig.replica_row()
    assert (after.loading_at, after.ready_at) == (before.loading_at, before.ready_at)
