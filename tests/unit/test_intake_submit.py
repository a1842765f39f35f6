from __future__ import annotations

import asyncio
import base64
import contextlib
import http.server
import json
import socket
import threading
from dataclasses import replace

import pytest

from pilotlight.contracts import moves
from pilotlight.contracts.job import JobStatus
from pilotlight.errors import (
    BacklogFull,
    FetchFailed,
    IdempotencyMismatch,
    InvalidInput,
    MalformedBody,
    UnknownEndpoint,
)
from pilotlight.intake.admission import Admission
from pilotlight.intake.fetching import EACH
from pilotlight.intake.inputs import MOST_FILES

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)
DATA_URI = "data:image/png;base64," + base64.b64encode(PNG).decode()


def submit(house, *submissions):
    async def all_at_once():
        return await asyncio.gather(*(house.submit(one) for one in submissions))

    return asyncio.run(all_at_once())


def picture(submission, url, *, caller="alice", **fields):
    body = json.dumps({"image_url": url, **fields}).encode()
    return submission(endpoint="tests/measure-picture", body=body, caller=caller)


def test_a_submitted_job_is_recorded_and_waits(house, submission, clock):
    (job,) = submit(house, submission(start_timeout_s=9, priority=1, webhook="https://example.org"))

    assert house.store.get(job.id) == job
    assert (job.status, job.priority, job.start_by) == (JobStatus.QUEUED, 1, clock.now() + 9)
    assert (job.worker, job.run_timeout_s) == ("echo", 3600)


def test_jobs_of_one_tick_are_all_recorded_and_ids_rise(house, submission, clock):
    jobs = submit(house, *[submission() for _ in range(50)])
    clock.sleep(1)
    later = submit(house, submission())

    assert len({job.id for job in jobs}) == 50
    assert all(house.store.get(job.id) for job in jobs)
    assert max(job.id for job in jobs) < later[0].id


def test_the_submit_lights_the_burner(house, submission):
    assert not house.controller.lit.is_set()
    submit(house, submission())

    assert house.controller.lit.is_set()


def test_without_retries_one_attempt_and_one_loss_are_all(house, submission):
    (job,) = submit(house, submission(may_retry=False))

    assert (job.max_attempts, job.max_losses) == (1, 1)


REFUSED = [
    pytest.param(b'{"text": 1}', ("body", "text"), "string_type", id="wrong type"),
    pytest.param(b"{}", ("body", "text"), "missing", id="missing field"),
    pytest.param(b'{"text":"a","sleep_s":-1}', ("body", "sleep_s"), "greater_than_equal", id="low"),
    pytest.param(b'["text"]', ("body",), "model_type", id="not an object"),
]


@pytest.mark.parametrize(("body", "loc", "kind"), REFUSED)
def test_bad_input_names_the_field_and_records_nothing(house, submission, body, loc, kind):
    with pytest.raises(InvalidInput) as caught:
        submit(house, submission(body=body))

    assert (caught.value.problems[0].loc, caught.value.problems[0].type) == (loc, kind)
    assert house.store.list_jobs() == []


def test_a_body_that_is_no_json_is_told_apart(house, submission):
    with pytest.raises(MalformedBody) as caught:
        submit(house, submission(body=b'{"text": '))

    assert caught.value.problems[0].type == "json_invalid"


def test_an_unknown_endpoint_suggests_the_nearest(house, submission):
    with pytest.raises(UnknownEndpoint, match="did you mean pilotlight/echo"):
        submit(house, submission(endpoint="pilotlight/ehco"))


def test_an_endpoint_that_is_like_none_here_is_told_of_routes(house, submission):
    with pytest.raises(UnknownEndpoint, match=r"\[\[route\]\] puts a worker of yours"):
        submit(house, submission(endpoint="studio/lamp/dev"))


def test_one_key_makes_one_job_even_a_hundred_times_at_once(house, submission):
    jobs = submit(house, *[submission(idempotency_key="k") for _ in range(100)])

    assert len({job.id for job in jobs}) == 1
    assert len(house.store.list_jobs()) == 1


def test_one_key_with_another_body_is_refused(house, submission):
    submit(house, submission(idempotency_key="k"))

    with pytest.raises(IdempotencyMismatch):
        submit(house, submission(idempotency_key="k", body=b'{"text":"other"}'))


@pytest.mark.parametrize("key", ["", "x" * 256, "schlüssel"])
def test_a_key_out_of_bounds_is_refused(house, submission, key):
    with pytest.raises(InvalidInput, match="idempotency-key"):
        submit(house, submission(idempotency_key=key))


def test_a_callers_own_queue_limit_counts_afresh(house, submission):
    submit(house, submission(), submission())
    with pytest.raises(BacklogFull):
        submit(house, submission(max_queue=1))

    assert len(submit(house, submission(max_queue=2))) == 1


def test_a_data_uri_becomes_a_blob_and_leaves_the_row_small(house, submission):
    (job,) = submit(house, picture(submission, DATA_URI, layers=[{"image_url": DATA_URI}]))

    document = json.loads(job.input)
    key = document["image_url"].removeprefix("blob:")
    assert key.startswith("inputs/alice/")
    assert document["layers"][0]["image_url"] == f"blob:{key}"
    with house.blobs.open(key) as file:
        assert file.read() == PNG
    assert house.blobs.info(key).content_type == "image/png"


BAD_PICTURES = [
    pytest.param("data:image/png;base64,@@@", "file_download_error", id="bad base64"),
    pytest.param("data:image/png,plain", "file_download_error", id="not base64 at all"),
    pytest.param("data:image/png;base64,aGVsbG8=", "image_load_error", id="not a picture"),
    pytest.param("ftp://example.org/a.png", "file_download_error", id="another scheme"),
    pytest.param("blob:results/other/1/a.png", "file_download_error", id="our own scheme"),
    pytest.param("http://127.0.0.1:9/a.png", "file_download_error", id="nobody listens"),
    pytest.param("http://169.254.169.254/a.png", "file_download_error", id="a forbidden address"),
]


@pytest.mark.parametrize(("url", "kind"), BAD_PICTURES)
@pytest.mark.parametrize("nested", [False, True])
def test_a_bad_picture_names_its_field_and_records_nothing(house, submission, url, kind, nested):
    wanted = (
        picture(submission, DATA_URI, layers=[{"image_url": DATA_URI}, {"image_url": url}])
        if nested
        else picture(submission, url)
    )
    with pytest.raises(InvalidInput) as caught:
        submit(house, wanted)

    (problem,) = caught.value.problems
    assert problem.type == kind
    assert problem.loc == (("body", "layers", 1, "image_url") if nested else ("body", "image_url"))
    assert house.store.list_jobs() == []


class Pictures(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(PNG)))
        self.end_headers()
        self.wfile.write(PNG)

    def log_message(self, *_args):
        pass


def test_a_picture_on_the_web_is_fetched_once_and_kept(house, submission):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pictures) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/cat.png"
        (job,) = submit(house, picture(submission, url))
        server.shutdown()

    key = json.loads(job.input)["image_url"].removeprefix("blob:")
    with house.blobs.open(key) as file:
        assert file.read() == PNG


def test_who_has_slow_files_fetched_holds_up_nobody_else(house, submission):
    """A server that takes connections and says nothing, as long as the others are served."""
    served = threading.Event()

    def silent(server):
        with contextlib.ExitStack() as held, contextlib.suppress(OSError):
            while True:
                held.enter_context(server.accept()[0])
                if served.is_set():
                    held.close()

    async def story(url):
        slow = [picture(submission, url, seed=n, caller="mallory") for n in range(3 * EACH)]
        waiting = [asyncio.create_task(house.submit(one)) for one in slow]
        await asyncio.sleep(0)
        async with asyncio.timeout(30):
            assert await asyncio.to_thread(lambda: "free") == "free"
            job = await house.submit(picture(submission, DATA_URI))
        assert not any(task.done() for task in waiting)
        served.set()
        with socket.create_connection(server.getsockname()):  # lets go of those that are held
            return job, await asyncio.gather(*waiting, return_exceptions=True)

    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        holding = threading.Thread(target=silent, args=(server,))
        holding.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/slow.png"
        try:
            job, ends = asyncio.run(story(url))
        finally:
            served.set()
            server.shutdown(socket.SHUT_RDWR)
            holding.join()

    assert job.status is JobStatus.QUEUED
    assert {type(end) for end in ends} == {InvalidInput}
    assert [one.id for one in house.store.list_jobs()] == [job.id]


def test_an_input_has_no_more_files_than_anybody_needs(house, submission):
    layers = [{"image_url": DATA_URI}] * MOST_FILES
    with pytest.raises(InvalidInput, match="at most 100 files in one input") as caught:
        submit(house, picture(submission, DATA_URI, layers=layers))

    assert caught.value.problems[0].loc == ("body", "layers", MOST_FILES - 1, "image_url")


class Slow:
    """A fetcher that needs a minute for each file, and says what it was given."""

    def __init__(self, clock):
        self.clock, self.given = clock, []

    def fetch(self, url, *, within_s, **_more):
        self.given.append(within_s)
        self.clock.sleep(60)
        raise FetchFailed("unreachable", "no answer")


def test_all_fetches_of_an_input_share_five_minutes(house, submission, clock):
    slow = Slow(clock)
    hurried = replace(house.submit, inputs=replace(house.submit.inputs, fetcher=slow))
    layers = [{"image_url": "http://127.0.0.1:1/x"}] * 5
    with pytest.raises(InvalidInput):
        asyncio.run(hurried(picture(submission, "http://127.0.0.1:1/x", layers=layers)))

    assert slow.given == [300, 240, 180, 120, 60, 0]


def test_our_own_file_urls_need_no_network(house, submission):
    house.blobs.put("uploads/alice/1/a.png", PNG, content_type="image/png")
    url = house.blobs.get_url("uploads/alice/1/a.png", base_url="http://nowhere", expires_at=None)

    (job,) = submit(house, picture(submission, url))

    assert json.loads(job.input)["image_url"] == "blob:uploads/alice/1/a.png"


@pytest.mark.parametrize("content", [b"<html><script>x</script>", b"\x80\x04\x95pickled", b""])
def test_an_upload_that_is_no_picture_is_refused_whatever_it_is_called(house, submission, content):
    house.blobs.put("uploads/alice/1/a.png", content, content_type="image/png")
    url = house.blobs.get_url("uploads/alice/1/a.png", base_url="http://nowhere", expires_at=None)

    with pytest.raises(InvalidInput) as caught:
        submit(house, picture(submission, url))

    assert caught.value.problems[0].loc == ("body", "image_url")
    assert caught.value.problems[0].type == "image_load_error"


def test_a_cancelled_submit_of_many_leaves_the_others_alone(house, submission):
    async def story():
        first = asyncio.create_task(house.submit(submission()))
        second = asyncio.create_task(house.submit(submission()))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    job = asyncio.run(story())

    assert house.store.get(job.id) is not None


def test_a_finished_job_cannot_be_leased_through_its_key(house, submission, clock):
    (job,) = submit(house, submission(idempotency_key="k"))
    house.store.move(job.id, moves.cancel(job, now=clock.now()))

    (again,) = submit(house, submission(idempotency_key="k"))

    assert again.status is JobStatus.CANCELLED


class Remote:
    """The house's table as if it were across a network: who asks it what, on which thread."""

    remote = True

    def __init__(self, store):
        self._store, self.asked = store, []

    def __getattr__(self, name):
        found = getattr(self._store, name)

        def ask(*args, **more):
            self.asked.append((name, threading.current_thread()))
            return found(*args, **more)

        return ask if callable(found) else found


def test_a_submit_asks_a_far_table_only_of_its_own_queue_and_never_on_the_event_loop(
    house, submission
):
    far = Remote(house.store)
    admission = Admission(far, house.clock, max_backlog=10)
    quotas = replace(house.quotas, store=far)
    far_submit = replace(house.submit, admission=admission, quotas=quotas)

    async def many():
        await asyncio.gather(*(far_submit(submission()) for _ in range(5)))
        return threading.current_thread()

    loop = asyncio.run(many())
    assert [name for name, _ in far.asked] == ["queued"]
    assert far.asked[0][1] is not loop
