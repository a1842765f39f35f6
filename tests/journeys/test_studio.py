"""Two diffusers workers and one other share a replica whose memory holds two of them."""

from __future__ import annotations

import json

from tests.live import until, up

SETTINGS = {
    "WORKERS": '["tests.journeys.studio"]',
    "POOLS": '{"studio": {"memory_gib": 0.25}}',
    "SCALING__KEEP_ALIVE_S": "2",
}
PICTURE = {"prompt": "a red circle on a blue background", "num_inference_steps": 2, "seed": 1}


def test_three_workers_live_in_one_replica_that_swaps_evicts_and_goes(tmp_path):
    with up(tmp_path / "data", settings=SETTINGS) as live:
        waits = [live.submit("studio/painter", PICTURE), live.submit("studio/sketcher", PICTURE)]
        cold = live.status("studio/painter", waits[0])
        assert cold["status"] == "COMPLETED" or cold["cold_start"]["stage"] in (
            "starting",
            "loading",
        )
        drawn = [
            live.finished(f"studio/{name}", job_id).json["images"][0]["url"]
            for name, job_id in zip(("painter", "sketcher"), waits, strict=True)
        ]
        assert live.ask("GET", drawn[0]).body == live.ask("GET", drawn[1]).body

        booked = live.submit("studio/clerk", {"amounts": [1, 2, 3]})
        assert live.finished("studio/clerk", booked).json == {"total": 6}
        for name in ("painter", "sketcher"):
            again = live.submit(f"studio/{name}", PICTURE)
            live.finished(f"studio/{name}", again)

        (log,) = (live.data / "logs").glob("studio-*.log")
        until(lambda: not _replicas(live), what="the host to go when nothing is left to do")

    switches = _switches(log.read_text())
    brought = [one["to"] for one in switches]
    assert brought[:3] in (["painter", "sketcher", "clerk"], ["sketcher", "painter", "clerk"])
    assert [one["dropped"] for one in switches[:2]] == ["", ""], "two of them fit"
    assert switches[2]["dropped"] in ("painter", "sketcher"), "three do not"
    evicted = switches[2]["dropped"]
    assert evicted in brought[3:], "it came back when it was asked for"


def _replicas(live):
    return [name for name in live.processes() if name != live.process.pid]


def _switches(log):
    """The log is JSON where no terminal is."""
    told = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    return [one for one in told if one["event"] == "pool.switch"]
