"""Replicas that reach AWS over a bad line: real processes, the emulator at the other end."""

from __future__ import annotations

import pytest

from tests.chaos.wire import Line, Wire

SIZE = 100_000
"""Bytes of an input: a second on the slower wire."""


@pytest.fixture
def wire(endpoint):
    made = []

    def wire(**facts):
        made.append(Wire(endpoint, Line(**facts)))
        return made[-1]

    yield wire
    for one in made:
        one.close()


def test_on_a_wire_of_100_kb_a_second_no_lease_is_lost(rig_of, wire):
    line = wire(bytes_per_s=100_000)
    rig = rig_of("saves-files", through=line.url)
    rig.start()
    jobs = [rig.submit({"text": "x" * SIZE, "sleep_s": 0}) for _ in range(2)]

    rig.succeeded(*jobs)
    assert line.carried > 2 * SIZE
    for job_id in jobs:
        assert [record.outcome for record in rig.store.attempts_of(job_id)] == ["T6"]


@pytest.mark.slow
def test_on_a_wire_that_loses_a_third_of_its_packets_it_is_only_slower(rig_of, wire):
    line = wire(delay_s=0.25, loss=0.3)
    rig = rig_of("echo", through=line.url)
    rig.start()
    jobs = [rig.submit({"text": str(number)}) for number in range(4)]

    rig.succeeded(*jobs)
    rig.until(lambda: rig.counts() == (0, 0), "the last message to go")
    assert rig.counts(rig.dead_url) == (0, 0)
