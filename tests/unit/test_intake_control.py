from __future__ import annotations

import asyncio
import base64
import json

import pytest

from pilotlight.contracts import moves
from pilotlight.contracts.artifact import ARTIFACTS, Artifact
from pilotlight.contracts.job import Job, JobError
from pilotlight.errors import AlreadyFinished, InvalidInput, NotFinished, Problem, UnknownJob
from pilotlight.intake import cold_start
from pilotlight.ports.feed import NewEntry
from pilotlight.ports.fleet import ColdStart, Replica

LEASE = {"lease_s": 60, "margin_s": 10}


@pytest.fixture
def job(house, submission):
    return asyncio.run(house.submit(submission()))


@pytest.fixture
def held(house, job, clock):
    return house.store.move(job.id, moves.lease(owner="r1", now=clock.now(), **LEASE))


def succeed(house, held, clock, output='{"text":"hi"}', artifacts="[]"):
    move = moves.succeed(held, now=clock.now(), output=output, artifacts=artifacts)
    return house.store.move(held.id, move)


def test_another_callers_job_is_as_unknown_as_none(house, job):
    for caller, job_id in [("bob", job.id), ("alice", "nobody")]:
        with pytest.raises(UnknownJob, match="no such job"):
            house.control.job(job_id, caller=caller)
        with pytest.raises(UnknownJob):
            house.control.cancel(job_id, caller=caller)


def test_a_waiting_job_knows_its_place_and_its_cold_start(house, submission, job):
    second = asyncio.run(house.submit(submission()))

    view = house.control.view(second)

    assert view.position == 1
    assert view.cold == cold_start.ColdStage("starting", None)


def test_a_running_job_has_no_place(house, held):
    assert house.control.view(held) == type(house.control.view(held))(held, None, None)


def test_cancel_is_final_and_its_answer_is_the_truth(house, held, clock):
    assert house.control.cancel(held.id, caller="alice").status == "cancelled"
    assert succeed(house, held, clock) is None
    with pytest.raises(AlreadyFinished) as caught:
        house.control.cancel(held.id, caller="alice")
    assert caught.value.details["status"] == "cancelled"


def test_too_late_to_cancel_says_what_won(house, held, clock):
    succeed(house, held, clock)
    with pytest.raises(AlreadyFinished) as caught:
        house.control.cancel(held.id, caller="alice")

    assert caught.value.details["status"] == "succeeded"


def test_the_result_of_an_unfinished_job_is_refused(house, held):
    with pytest.raises(NotFinished):
        house.control.output(held, base_url="")


def test_files_in_an_output_become_urls_or_travel_inline(house, held, clock):
    info = house.blobs.put("results/j/1/a.png", b"png", content_type="image/png")
    card = Artifact(
        key=info.key, file_name="a.png", content_type="image/png", size=3, sha256=info.sha256
    )
    artifacts = ARTIFACTS.dump_json([card]).decode()
    done = succeed(house, held, clock, '{"images":[{"url":"artifact:0"}],"seed":1}', artifacts)

    linked = json.loads(house.control.output(done, base_url="http://here:1"))
    inline = json.loads(house.control.output(done, base_url="", inline=True))

    assert linked["seed"] == 1
    assert linked["images"][0]["url"].startswith("http://here:1/files/")
    assert house.blobs.own_key(linked["images"][0]["url"]) == "results/j/1/a.png"
    data = base64.b64encode(b"png").decode()
    assert inline["images"][0]["url"] == f"data:image/png;base64,{data}"


WORDS = [
    "artifact:7",
    "artifact:",
    "artifact:x",
    "artifact:-1",
    "artifact:\u0663",
    "artifact:" + "9" * 5000,
]


@pytest.mark.parametrize("words", WORDS)
def test_a_callers_own_words_are_no_file_whatever_they_begin_with(house, held, clock, words):
    info = house.blobs.put("results/j/1/a.png", b"png", content_type="image/png")
    card = Artifact(
        key=info.key, file_name="a.png", content_type="image/png", size=3, sha256=info.sha256
    )
    output = json.dumps({"url": "artifact:0", "prompt": words})
    done = succeed(house, held, clock, output, ARTIFACTS.dump_json([card]).decode())

    told = json.loads(house.control.output(done, base_url="http://here:1"))

    assert told["prompt"] == words
    assert house.blobs.own_key(told["url"]) == info.key


def test_an_error_keeps_its_problems(house, held, clock):
    problem = Problem(("body", "layers", 0), "broken", "image_load_error", {"a": 1}, "x")
    error = JobError.of(InvalidInput("broken", problem))
    failed = house.store.move(held.id, moves.fail(held, now=clock.now(), error=error))

    assert house.control.error(failed) == error


def test_waiting_returns_when_the_job_is_over(house, held, clock):
    async def story():
        waiting = asyncio.create_task(house.control.wait(held.id, caller="alice", timeout_s=1000))
        await asyncio.sleep(0)
        assert not waiting.done()
        succeed(house, held, clock)
        return await asyncio.wait_for(waiting, 30)

    assert asyncio.run(story()).status == "succeeded"


def test_waiting_with_no_time_left_returns_the_job_as_it_is(house, held):
    job = asyncio.run(house.control.wait(held.id, caller="alice", timeout_s=0))

    assert job.status == "running"


def test_following_gives_entries_in_order_and_ends_with_the_terminal_job(house, held, clock):
    def entry(kind, body):
        return NewEntry(held.id, kind, body, clock.now())

    async def story():
        seen = []
        kinds = frozenset({"partial", "log"})
        async for news in house.control.follow(held.id, caller="alice", kinds=kinds):
            seen.append(news.status if isinstance(news, Job) else news.body)
            if seen == ["running"]:
                house.feed.append(
                    [entry("log", "1"), entry("progress", "no"), entry("partial", "2")]
                )
            if seen[-1] == "2":
                house.feed.append([entry("log", "3")])
                succeed(house, held, clock)
        return seen

    assert asyncio.run(asyncio.wait_for(story(), 30)) == ["running", "1", "2", "3", "succeeded"]


def replica(stage, **fields):
    return Replica(**({"id": "r", "worker": "echo", "stage": stage, "asked_at": 100.0} | fields))


HISTORY = [ColdStart(1.0, 4.0), ColdStart(1.0, 6.0), ColdStart(1.0, 5.0)]
STAGES = [
    pytest.param([replica("ready")], None, id="a ready replica: no cold start"),
    pytest.param([], cold_start.ColdStage("starting", 6.0), id="nothing yet: the usual length"),
    pytest.param(
        [replica("starting")], cold_start.ColdStage("starting", 4.0), id="asked for 2 s ago"
    ),
    pytest.param(
        [replica("starting"), replica("loading", loading_at=101.0)],
        cold_start.ColdStage("loading", 4.0),
        id="the furthest one counts",
    ),
    pytest.param(
        [replica("loading", loading_at=10.0)],
        cold_start.ColdStage("loading", 0.0),
        id="late is never negative",
    ),
    pytest.param(
        [replica("failed", error="no weights")],
        cold_start.ColdStage("failed", None, "no weights"),
        id="the last one failed: why",
    ),
]


TOOK = {"process": 1.0, "imports": 2.0, "weights": 10.0, "device": 3.0, "warm_up": 1.0}
APART = [ColdStart(1.0, 17.0, TOOK), ColdStart(1.0, 17.0, TOOK), ColdStart(1.0, 17.0)]


def reading(**fields):
    base = {"loading_at": 100.0, "step": "weights", "step_at": 102.0}
    return replica("loading", **(base | fields))


@pytest.mark.parametrize(
    ("loading", "left_s"),
    [
        pytest.param(reading(), 10.0, id="4 s into the weights, then two stages"),
        pytest.param(reading(step_at=80.0), 4.0, id="late in one stage: the others still come"),
        pytest.param(reading(fraction=0.8), 5.0, id="how far it is says more than the clock"),
        pytest.param(reading(step="warm_up", step_at=105.5), 0.5, id="nearly there"),
    ],
)
def test_the_estimate_knows_the_stages(loading, left_s):
    seen = cold_start.stage([loading], APART, now=106.0)

    expected = cold_start.ColdStage("loading", left_s, step=loading.step, fraction=loading.fraction)
    assert seen == expected


def test_a_pooled_host_says_what_it_loads_and_others_say_nothing():
    loads = replica("ready", step="weights", step_at=100.0, fraction=0.5)
    told = cold_start.ColdStage("loading", 6.0, step="weights", fraction=0.5)
    assert cold_start.switch([replica("ready", step="a,b"), loads], "echo", now=106.0) == told

    for silent in (
        replica("ready", step="ready"),
        replica("ready", step="a,b"),
        replica("loading", step="weights"),
    ):
        assert cold_start.switch([silent], "echo", now=106.0) is None


def test_a_pooled_host_says_whose_model_it_cannot_load():
    host = replica("ready", step="a", error="echo: no weights")

    told = cold_start.switch([host], "echo", now=106.0)
    assert told == cold_start.ColdStage("failed", None, "no weights")
    assert cold_start.switch([host], "a", now=106.0) is None


@pytest.mark.parametrize(("replicas", "expected"), STAGES)
def test_the_cold_start_stage(replicas, expected):
    assert cold_start.stage(replicas, HISTORY, now=102.0) == expected
