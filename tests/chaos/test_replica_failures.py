"""Whatever a model does to its process, every job gets exactly one truthful end."""

from __future__ import annotations

from pilotlight.contracts.job import JobStatus


def test_a_job_runs_and_its_output_is_kept(rig_of):
    rig = rig_of("waits")
    job_id = rig.submit({"text": "hello"})
    assert rig.output(job_id) == {"text": "hello"}
    job = rig.job(job_id)
    assert (job.attempts, job.fence, job.owner) == (1, 1, "replica-1")
    assert rig.outcomes(job_id) == ["T6"]
