"""Batches with a clock that is moved by hand and a replica that is played."""

from __future__ import annotations

import json

import pytest

from pilotlight.contracts.group import member_id
from pilotlight.contracts.job import LOW_PRIORITY
from pilotlight.intake.groups.batches import lines as reading
from pilotlight.intake.groups.batches.ticket import MOST_BYTES, MOST_LINES, Ticket, line_key
from pilotlight.intake.groups.steward import MOST_OPEN

URL = "/run/acme/app"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c6360000002000001e221bc330000000049454e44ae426082"
)


def line(number, **body):
    wish = {"prompt": str(number), **body}
    return {"custom_id": f"n{number}", "method": "POST", "url": URL, "body": wish}


class Batch:
    def __init__(self, stage, client, asked, **more):
        self.stage, self.client = stage, client
        text = "\n".join(map(json.dumps, asked)).encode()
        form = {"purpose": (None, "batch"), "file": ("in.jsonl", text)}
        self.file = client.post("/v1/files", files=form).json()["id"]
        wish = {"input_file_id": self.file, "endpoint": URL, "completion_window": "24h"}
        reply = client.post("/v1/batches", json=wish | more)
        assert reply.status_code == 200, reply.text
        self.id = reply.json()["id"]
        found = stage.services.store.list_jobs(limit=10)
        self.head = next(job for job in found if job.id.replace("-", "") in self.id)

    def look(self):
        """The steward, until nothing is due."""
        steward, clock = self.stage.services.steward, self.stage.services.clock
        while (again_at := steward(clock.now())) is not None and again_at <= clock.now():
            pass

    @property
    def said(self):
        return self.client.get(f"/v1/batches/{self.id}").json()

    def does(self, number, output=None):
        self.stage.succeed(member_id(self.head.id, line_key(number)), output or {"text": "ok"})

    def lines(self, which):
        file_id = self.said[which]
        text = self.client.get(f"/v1/files/{file_id}/content").text
        return [json.loads(one) for one in text.splitlines()]


@pytest.fixture
def made(stage, client):
    return lambda asked, **more: Batch(stage, client, asked, **more)


def test_it_is_validating_then_in_progress_then_completed(made, clock):
    batch = made([line(1), line(2)])
    assert batch.said["status"] == "validating"

    batch.look()
    assert batch.said["status"] == "in_progress"
    assert batch.said["request_counts"] == {"total": 2, "completed": 0, "failed": 0}
    batch.does(2)
    batch.look()
    assert batch.said["request_counts"] == {"total": 2, "completed": 1, "failed": 0}
    batch.does(1)
    batch.look()

    said = batch.said
    assert (said["status"], said["completed_at"]) == ("completed", int(clock.now()))
    assert [one["custom_id"] for one in batch.lines("output_file_id")] == ["n1", "n2"]


def test_its_jobs_wait_behind_everybody_elses(made, stage, client):
    batch = made([line(n) for n in range(1, 4)])
    batch.look()

    late = client.post("/queue/acme/app", json={"prompt": "now"}).json()["request_id"]

    job = stage.job(late)
    assert stage.services.store.ahead_of(job) == 0
    own = stage.job(member_id(batch.head.id, line_key(1)))
    assert own.priority == LOW_PRIORITY
    assert own.start_by >= batch.head.start_by - 1


def test_what_is_not_done_in_its_window_is_expired_and_what_is_done_is_kept(made, stage, clock):
    """More lines than may be open at once: some never became jobs."""
    count = MOST_OPEN + 300
    batch = made([line(n) for n in range(1, count + 1)], completion_window="1h")
    batch.look()
    assert batch.said["request_counts"]["total"] == count
    batch.does(3)
    batch.look()

    clock.sleep(3601)
    stage.services.reaper(clock.now())
    for _ in range(8):
        batch.look()
        clock.sleep(2)

    said = batch.said
    assert said["status"] == "expired"
    assert said["request_counts"] == {"total": count, "completed": 1, "failed": count - 1}
    assert [one["custom_id"] for one in batch.lines("output_file_id")] == ["n3"]
    left = batch.lines("error_file_id")
    assert [one["custom_id"] for one in left] == [f"n{n}" for n in range(1, count + 1) if n != 3]
    assert {one["error"]["code"] for one in left} == {"batch_expired"}


def test_a_file_that_is_deleted_meanwhile_ends_its_batch_in_words(made, client):
    batch = made([line(1)])
    client.delete(f"/v1/files/{batch.file}")

    batch.look()

    assert batch.said["status"] == "failed"
    assert batch.said["errors"]["data"][0]["code"] == "file_not_found"


def test_the_same_request_with_the_same_key_is_the_same_batch(stage, client):
    form = {"purpose": (None, "batch"), "file": ("in.jsonl", json.dumps(line(1)).encode())}
    file_id = client.post("/v1/files", files=form).json()["id"]
    wish = {"input_file_id": file_id, "endpoint": URL, "completion_window": "24h"}
    key = {"idempotency-key": "once"}

    first = client.post("/v1/batches", json=wish, headers=key).json()
    second = client.post("/v1/batches", json=wish, headers=key).json()
    other = client.post("/v1/batches", json=wish | {"metadata": {}}, headers=key)

    assert first["id"] == second["id"]
    assert other.status_code == 400
    assert other.json()["error"]["code"] == "idempotency_mismatch"


def test_a_batch_that_is_over_says_so_in_its_own_words_to_whoever_cancels_it(made, client):
    batch = made([line(1)])
    batch.look()
    batch.does(1)
    batch.look()

    reply = client.post(f"/v1/batches/{batch.id}/cancel")

    assert reply.status_code == 400
    assert reply.json()["error"]["message"] == "this batch is completed and cannot be cancelled"


def test_a_batch_is_nobody_elses(made, stranger):
    batch = made([line(1)])

    assert stranger.get(f"/v1/batches/{batch.id}").status_code == 404
    assert stranger.post(f"/v1/batches/{batch.id}/cancel").status_code == 404
    assert stranger.get("/v1/batches").json()["data"] == []
    wish = {"input_file_id": batch.file, "endpoint": URL, "completion_window": "24h"}
    refused = stranger.post("/v1/batches", json=wish)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "input_file_id")


def test_a_run_that_failed_says_why_in_the_error_file(made, stage):
    batch = made([line(1)])
    batch.look()

    stage.fail(member_id(batch.head.id, line_key(1)), message="the model broke")
    batch.look()

    (failure,) = batch.lines("error_file_id")
    assert failure["response"]["status_code"] == 500
    assert failure["response"]["body"]["error"]["message"] == "the model broke"
    assert batch.said["output_file_id"] is None


def test_a_file_of_more_lines_than_may_be_is_refused(stage):
    form = stage.services.steward.kinds["batch"].formats["openai"]
    texts = (json.dumps(line(n)).encode() + b"\n" for n in range(MOST_LINES + 5))
    stage.services.blobs.put("many", texts, content_type="application/jsonl")
    ticket = Ticket(file="many", given={"url": URL})

    found = reading.check(stage.services.blobs, ticket, form, most_bytes=MOST_BYTES)

    (problem,) = found.problems
    assert (problem.type, problem.context) == ("too_many_lines", {"line": MOST_LINES + 1})


def test_a_line_longer_than_a_request_may_be_is_refused_by_its_number(stage):
    form = stage.services.steward.kinds["batch"].formats["openai"]
    texts = [
        json.dumps(line(1)).encode(),
        b"\n",
        json.dumps(line(2, extra={"x": "y" * 500})).encode(),
    ]
    stage.services.blobs.put("long", texts, content_type="application/jsonl")
    ticket = Ticket(file="long", given={"url": URL})

    found = reading.check(stage.services.blobs, ticket, form, most_bytes=400)

    assert [(one.type, one.context["line"]) for one in found.problems] == [("line_too_long", 2)]


def test_long_lines_become_jobs_a_few_at_a_time(made, stage):
    """Never more of the file in memory than some megabytes."""
    big = "y" * 3_000_000
    batch = made([line(n, extra={"text": big}) for n in range(1, 9)])
    added, add = [], stage.services.members.add

    def watched(tally, jobs, **more):
        added.append(len(jobs))
        return add(tally, jobs, **more)

    stage.services.members.add = watched
    batch.look()

    assert sum(added) == 8
    assert max(added) <= 3
    assert batch.said["request_counts"]["total"] == 8


def test_pictures_of_lines_are_our_own_copies_before_they_run(made, stage, client):
    picture = client.post("/api/files", content=PNG, headers={"content-type": "image/png"})
    assert picture.status_code == 201, picture.text
    url = picture.json()["url"]
    asked = [line(n, image_url=url) for n in range(1, 4)]
    batch = made([*asked, line(4, image_url="http://127.0.0.1:9/none.png")])

    batch.look()

    assert batch.said["request_counts"] == {"total": 4, "completed": 0, "failed": 1}
    for number in (1, 2, 3):
        job = stage.job(member_id(batch.head.id, line_key(number)))
        assert json.loads(job.input)["image_url"].startswith("blob:")
    failed = stage.job(member_id(batch.head.id, line_key(4)))
    assert stage.services.control.error(failed).problems[0].loc == ("body", "image_url")
