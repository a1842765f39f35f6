"""A machine whose clock is wrong, against real processes on the emulator."""

from __future__ import annotations

from pilotlight.contracts.job import JobStatus


def test_a_replica_whose_clock_is_half_a_minute_off_leases_nothing(rig_of, proxy):
    """It is AWS's clock that is off here, which looks the same from where the replica stands."""
    proxy.ahead_s = 30
    rig = rig_of("echo", through=proxy.url)
    rig.start()
    rig.until(lambda: '"clock.off"' in rig.log(), "the clock to be told")
    rig.ready()
    job_id = rig.submit({"text": "in time"})
    looks = proxy.calls["UpdateItem"] + proxy.calls["TransactWriteItems"]
    rig.until(
        lambda: proxy.calls["UpdateItem"] + proxy.calls["TransactWriteItems"] >= looks + 2,
        "it to beat on without a job",
    )
    assert rig.job(job_id).status is JobStatus.QUEUED
    assert rig.counts() == (1, 0)

    proxy.ahead_s = 0
    rig.succeeded(job_id)
