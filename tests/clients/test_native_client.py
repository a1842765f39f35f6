"""``pilotlight.client``, sync and async, against a running product."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import io
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from PIL import Image

from pilotlight.client import (
    ApiError,
    AsyncClient,
    AsyncJob,
    Client,
    Conflict,
    InvalidRequest,
    Job,
    JobFailed,
    NotFinished,
    NotFound,
    TooManyRequests,
    Unauthenticated,
    Unreachable,
)
from pilotlight.client.patience import Patience
from tests.clients.faltering import Fault, faltering
from tests.live import KEY, environment, free_port

ECHO, TALK, SHAPES = "pilotlight/echo", "tests/talkative", "pilotlight/shapes"
MEASURE = "tests/measure-picture"
HASTY = Patience(tries=4, first_s=0.001, longest_s=0.01)
LONG_S = 120


@pytest.fixture
def client(live):
    with Client(live.url, KEY) as made:
        yield made


@pytest.fixture
def proxy(live):
    with faltering(live.url) as made:
        yield made


def picture(size):
    whole = io.BytesIO()
    Image.new("RGB", size, "red").save(whole, "png")
    return whole.getvalue()


def test_run_gives_the_job_with_its_output(client):
    done = client.run(ECHO, {"text": "hi"}, wait_s=LONG_S, tags={"a": "b"}, priority="low")

    assert (done.output, done.status, done.succeeded) == ({"text": "hi"}, "succeeded", True)
    assert (done.tags, done.priority, done.worker) == ((("a", "b"),), "low", "echo")
    assert done.created_at <= done.started_at <= done.ended_at <= datetime.now(UTC)  # noqa: TID251
    assert [attempt.outcome for attempt in done.attempts] == ["succeeded"]


def test_a_job_says_which_it_is_where_it_is_printed(client):
    job = client.submit(ECHO, {"text": "hi"})

    assert repr(job).startswith(f"Job({job.id!r}, status=")


def test_a_job_is_followed_and_taken_up_again_where_it_was_left(client):
    job = client.submit(TALK, {"lines": ["one", "two", "größe\u2028three"]})

    seen = list(job.events())
    logs = [event for event in seen if event.kind == "log"]

    assert [event.data["message"] for event in logs][:3] == ["one", "two", "größe\u2028three"]
    assert (seen[-1].kind, seen[-1].job.output) == ("status", {"said": 3})
    assert job.info.succeeded
    rest = [event.data["message"] for event in job.events(after=logs[0].id) if event.kind == "log"]
    assert rest == [event.data["message"] for event in logs[1:]]
    assert {event.kind for event in job.events(kinds=[])} == {"status"}


def test_progress_comes_as_it_is_made(client):
    job = client.submit(ECHO, {"text": "hi", "sleep_s": 0.5})

    said = [event.data["fraction"] for event in job.events(kinds=["progress"]) if not event.job]

    assert said
    assert said == sorted(said)


def test_pictures_are_brought_whole_and_checked(client, tmp_path):
    job = client.submit(SHAPES, {"prompt": "a red circle on blue"}, stream=True)
    partial = [event for event in job.events(kinds=["partial"]) if event.kind == "partial"]
    (artifact,) = job.result(wait_s=LONG_S).artifacts

    place = client.download(artifact, tmp_path / "circle.png")

    assert partial
    assert partial[0].data["images"][0]["url"].startswith("data:image/")
    assert hashlib.sha256(place.read_bytes()).hexdigest() == artifact.sha256
    with Image.open(place) as drawn:
        assert drawn.size == (artifact.width, artifact.height)
    assert [path.name for path in tmp_path.iterdir()] == ["circle.png"]


def test_a_file_that_was_brought_is_an_input(client, tmp_path):
    path = tmp_path / "seven.png"
    path.write_bytes(picture((7, 5)))

    from_disk, from_memory = client.upload(path), client.upload(picture((4, 9)), name="four.png")

    assert (from_disk.name, from_disk.content_type) == ("seven.png", "image/png")
    assert from_disk.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    sizes = [
        client.run(MEASURE, {"image_url": one.url}, wait_s=LONG_S).output
        for one in (from_disk, from_memory)
    ]
    assert [(one["width"], one["height"]) for one in sizes] == [(7, 5), (4, 9)]


def test_refusals_say_which_field_and_why(client, live):
    with pytest.raises(InvalidRequest) as wrong:
        client.submit(ECHO, {"text": 5})
    with pytest.raises(NotFound, match="did you mean"):
        client.submit(ECHO + "o", {})
    with pytest.raises(NotFound):
        client.job("nobody")
    with pytest.raises(InvalidRequest, match="status"):
        client.jobs(status="done")
    with Client(live.url, "wrong") as stranger, pytest.raises(Unauthenticated):
        stranger.endpoints()

    assert (wrong.value.http_status, wrong.value.code) == (422, "invalid_input")
    assert wrong.value.field == "input.text"
    assert [problem.type for problem in wrong.value.problems] == ["string_type"]


def test_a_job_that_fails_says_why_and_can_be_done_again(client):
    job = client.submit(TALK, {"fail": True}, tags={"kind": "failing"})
    with pytest.raises(JobFailed, match="it was asked to fail") as failed:
        job.result(wait_s=LONG_S)
    again = job.retry()

    assert (failed.value.reason.code, failed.value.info.status) == ("worker_error", "failed")
    assert (again.info.retry_of, again.info.tags) == (job.id, (("kind", "failing"),))
    assert again.id != job.id
    with pytest.raises(JobFailed):
        again.result(wait_s=LONG_S)


def test_a_job_that_goes_on_is_not_finished_and_cancel_ends_it(client):
    job = client.submit(ECHO, {"text": "nap", "sleep_s": 600})

    with pytest.raises(NotFinished) as early:
        job.result(wait_s=0)
    with pytest.raises(Conflict):
        job.retry()
    assert not early.value.info.is_terminal
    assert job.status().progress.stage
    assert job.cancel().status == "cancelled"
    assert job.cancel().status == "cancelled"
    with pytest.raises(JobFailed, match="cancelled"):
        job.result()
    done = client.submit(ECHO, {"text": "hi"})
    done.result(wait_s=LONG_S)
    with pytest.raises(Conflict, match="already succeeded"):
        done.cancel()


def test_ones_jobs_are_listed_page_by_page(client):
    began = datetime.now(UTC) - timedelta(seconds=1)  # noqa: TID251
    made = [client.submit(ECHO, {"text": str(n)}, tags={"list": "mine"}).id for n in range(3)]

    asked = {"tags": {"list": "mine"}, "endpoint": ECHO, "created_from": began}
    page = client.jobs(**asked, limit=2)

    assert [info.id for info in page.items] == made[:0:-1]
    assert [info.id for info in client.every_job(**asked, limit=1)] == made[::-1]
    for job_id in made:
        client.job(job_id).result(wait_s=LONG_S)
    ended = client.jobs(status=["failed", "succeeded"], tags={"list": "mine"})
    assert {info.id for info in ended.items} == set(made)
    assert client.jobs(**asked, worker="nobody").items == []


def test_the_example_of_an_endpoint_works_when_pasted(client, live):
    served = {one.id: one for one in client.endpoints(state="local")}

    assert client.endpoint(ECHO).input["required"] == ["text"]
    for endpoint in (ECHO, SHAPES):
        done = subprocess.run(
            ["bash", "-c", served[endpoint].example["curl"]],
            env=environment(PILOTLIGHT_KEY=KEY), capture_output=True, check=True, timeout=LONG_S,
        )  # fmt: skip
        assert json.loads(done.stdout)["status"] == "succeeded", done.stdout
    (unrouted, *_) = client.endpoints(state="unrouted")
    assert (unrouted.worker, unrouted.example) == (None, None)
    assert "[[route]]" in unrouted.advice


def test_every_endpoint_that_is_listed_can_be_looked_at(client, live):
    listed = client.endpoints()
    document = live.ask("GET", "/openapi.json").json

    assert {one.state for one in listed} >= {"local", "unrouted"}
    for one in listed:
        whole = client.endpoint(one.id)
        assert (whole.id, whole.task, whole.state, whole.dialects) == (
            one.id, one.task, one.state, one.dialects,
        )  # fmt: skip
        assert bool(whole.example) == (one.worker is not None)
    assert "/api/jobs" in document["paths"]


def test_both_clients_have_the_same_methods_that_take_the_same():
    for one, other in ((Client, AsyncClient), (Job, AsyncJob)):
        ours, theirs = (
            {name: made for name, made in vars(kind).items() if not name.startswith("_")}
            for kind in (one, other)
        )
        assert set(ours) == set(theirs)
        for name in ours:
            if callable(ours[name]):
                parameters = [
                    list(inspect.signature(made[name]).parameters.values())
                    for made in (ours, theirs)
                ]
                assert parameters[0] == parameters[1], name


def test_a_busy_server_is_asked_again(live, proxy):
    proxy.faults = [Fault(429, "0"), Fault(503, "0"), Fault(502)]

    with Client(proxy.url, KEY, patience=HASTY) as client:
        assert client.run(ECHO, {"text": "hi"}, wait_s=LONG_S).output == {"text": "hi"}
        proxy.faults = [Fault(429, "0")] * 4
        with pytest.raises(TooManyRequests):
            client.jobs()
        proxy.faults = [Fault(418)]
        with pytest.raises(ApiError, match="418"):
            client.jobs()


def test_a_submit_whose_answer_is_lost_makes_one_job(live, proxy):
    proxy.faults = [Fault(lost=True), Fault(lost=True)]

    with Client(proxy.url, KEY, patience=HASTY) as client:
        job = client.submit(ECHO, {"text": "hi"}, tags={"answer": "lost"})
        found = client.jobs(tags={"answer": "lost"}).items

    assert [info.id for info in found] == [job.id]
    assert [path for _, path, _ in proxy.seen].count("/api/jobs") == 3


def test_a_stream_that_breaks_is_taken_up_behind_what_was_seen(live, proxy):
    lines = [f"line {n}" for n in range(20)]
    with Client(proxy.url, KEY, patience=HASTY) as client:
        job = client.submit(TALK, {"lines": lines})
        job.result(wait_s=LONG_S)
        proxy.faults = [Fault(cut_after=b'"line 3"'), Fault(503, "0"), Fault(lost=True)]
        seen = list(job.events())

    said = [event.data["message"] for event in seen if event.kind == "log"]
    assert said == [*lines, "that was all"]
    followed = [headers for _, path, headers in proxy.seen if path.endswith("/events")]
    assert len(followed) == 4
    assert followed[-1]["last-event-id"] != ""


def test_a_file_that_comes_broken_is_brought_again(live, proxy, tmp_path):
    with Client(proxy.url, KEY, patience=HASTY) as client:
        brought = client.upload(b"x" * 100_000 + b"the end", name="a.bin")
        proxy.faults = [Fault(cut_after=b"xxx"), Fault(503, "0")]
        place = client.download(brought.url, tmp_path / "a.bin")

    assert place.read_bytes() == b"x" * 100_000 + b"the end"
    assert all(
        "authorization" not in headers for _, path, headers in proxy.seen if "/files/g" in path
    )


def test_where_nothing_answers_is_said(tmp_path):
    with Client(f"http://127.0.0.1:{free_port()}", KEY, patience=HASTY) as client:
        with pytest.raises(Unreachable, match="nothing answers"):
            client.endpoints()
        with pytest.raises(Unreachable):
            client.download(f"{client._site.url}files/x/y", tmp_path / "y")
        with pytest.raises(Unreachable):
            list(client.events("x"))


def test_a_server_with_an_authority_of_its_own_is_trusted_when_told(live):
    url = f"https://127.0.0.1:{live.tls_port}"

    with Client(url, KEY, authority=live.ca) as client:
        assert client.endpoint(ECHO).worker == "echo"
    with (
        Client(url, KEY, patience=HASTY) as stranger,
        pytest.raises(Unreachable, match="certificate"),
    ):
        stranger.endpoint(ECHO)


def test_how_long_is_waited_before_the_next_try():
    patience = Patience(tries=3, first_s=1, longest_s=5)

    def answered(tried, status, asked=None):
        return patience.after_answer(tried, status, {"retry-after": asked} if asked else {})

    assert [answered(1, 429), answered(2, 503)] == [1, 2]
    assert [answered(1, 429, "3"), answered(1, 503, "900"), answered(2, 429, "0")] == [3, 5, 0]
    assert answered(1, 429, "Wed, 21 Oct 2026 07:28:00 GMT") == 1
    assert [answered(3, 429), answered(1, 500), answered(1, 200), answered(1, 404)] == [None] * 4
    assert [patience.after_silence(n) for n in (1, 2, 3)] == [1, 2, None]


def test_the_async_client_does_the_same(live, tmp_path):
    async def story(proxy):
        async with AsyncClient(proxy.url, KEY, patience=HASTY) as client:
            proxy.faults = [Fault(503, "0"), Fault(lost=True)]
            done = await client.run(ECHO, {"text": "a"}, wait_s=LONG_S)
            assert done.output == {"text": "a"}
            path = tmp_path / "five.png"
            path.write_bytes(picture((5, 6)))
            brought = await client.upload(path)
            job = await client.submit(MEASURE, {"image_url": brought.url}, tags={"is": "async"})
            assert (await job.result(wait_s=LONG_S)).output["height"] == 6
            assert [info.id async for info in client.every_job(tags={"is": "async"})] == [job.id]
            place = await client.download(brought.url, tmp_path / "again.png")
            assert place.read_bytes() == path.read_bytes()
            talk = await client.submit(TALK, {"lines": ["one", "two"]})
            await talk.result(wait_s=LONG_S)
            proxy.faults = [Fault(cut_after=b'"one"')]
            said = [event.data["message"] async for event in talk.events() if event.kind == "log"]
            assert said == ["one", "two", "that was all"]
            nap = await client.submit(ECHO, {"text": "nap", "sleep_s": 600})
            with pytest.raises(NotFinished):
                await nap.result(wait_s=0)
            assert (await nap.cancel()).status == "cancelled"
            again = await nap.retry()
            assert again.info.retry_of == nap.id
            await again.cancel()
            assert ECHO in [one.id for one in await client.endpoints(q="echo")]
            assert (await client.endpoint(ECHO)).task == ECHO
            with pytest.raises(NotFound):
                await client.job("nobody")

    with faltering(live.url) as proxy:
        asyncio.run(asyncio.wait_for(story(proxy), LONG_S))


def test_the_client_brings_httpx_and_nothing_of_the_server():
    said = "import sys, pilotlight.client; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())

    assert "httpx" in loaded
    ours = ("adapters", "bootstrap", "cli", "intake", "execution", "delivery", "scaling", "ports")
    assert not {f"pilotlight.{name}" for name in ours} & loaded
    assert not {"starlette", "boto3", "sqlite3", "typer"} & loaded
