"""A pooled host in mode aws: one replica consumes the queues of three workers."""

from __future__ import annotations

import pytest

from tests.contract.emulator import needs_ministack
from tests.live import up

SETTINGS = {
    "WORKERS": '["tests.journeys.studio"]',
    "POOLS": '{"studio": {"memory_gib": 0.25}}',
    "SCALING__KEEP_ALIVE_S": "2",
}
PICTURE = {"prompt": "a red circle on a blue background", "num_inference_steps": 2, "seed": 1}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_jobs_of_three_workers_are_done_by_one_replica(tmp_path):
    needs_ministack()
    inputs = {"painter": PICTURE, "sketcher": PICTURE, "clerk": {"amounts": [1, 2]}}
    with up(tmp_path / "data", settings=SETTINGS, options=("--aws-emulated",)) as live:
        ids = {name: live.submit(f"studio/{name}", given) for name, given in inputs.items()}
        done = {name: live.finished(f"studio/{name}", job_id) for name, job_id in ids.items()}

        assert {name: answer.status for name, answer in done.items()} == dict.fromkeys(inputs, 200)
        assert done["clerk"].json == {"total": 3}
        assert len(list((live.data / "logs").glob("studio-*.log"))) == 1
