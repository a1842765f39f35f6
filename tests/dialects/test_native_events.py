"""``/api/jobs/ID/events``: a job's life as server-sent events."""

from __future__ import annotations

import json

from pilotlight.ports.feed import NewEntry
from tests.dialects.stage import Background, submit


def frames(reply):
    """Each event as (id, name, JSON)."""
    for block in reply.text.split("\n\n"):
        found = dict(
            line.split(": ", 1) for line in block.splitlines() if line and not line.startswith(":")
        )
        if found:
            yield found["id"], found["event"], json.loads(found["data"])


def told(client, job_id, query="", **headers):
    reply = client.get(f"/api/jobs/{job_id}/events{query}", headers=headers)
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"].startswith("text/event-stream")
    return list(frames(reply))


def fill(stage, job_id):
    stage.start(job_id)
    stage.tell(job_id, "log", message="begin", level="stdout")
    stage.tell(job_id, "progress", fraction=0.5, note="half")
    stage.tell(job_id, "partial", images=[], text="so far")
    stage.tell(job_id, "log", message="end", level="log")
    stage.succeed(job_id, {"text": "whole"})


def test_a_finished_job_is_told_from_its_beginning(stage, client):
    job_id = submit(client)["request_id"]
    fill(stage, job_id)

    *entries, (_, kind, last) = told(client, job_id)

    assert [(name, data.get("message") or data.get("note") or data.get("text"))
            for _, name, data in entries] == [
        ("log", "begin"), ("progress", "half"), ("partial", "so far"), ("log", "end"),
    ]  # fmt: skip
    assert entries[0][2] == {"message": "begin", "level": "stdout", "at": entries[0][2]["at"]}
    assert entries[0][2]["at"].endswith("Z")
    assert (kind, last["status"], last["output"]) == ("status", "succeeded", {"text": "whole"})
    assert last == client.get(f"/api/jobs/{job_id}").json()


def test_who_was_cut_off_is_told_only_what_is_new(stage, client):
    job_id = submit(client)["request_id"]
    fill(stage, job_id)
    whole = told(client, job_id)
    seen = whole[1][0]

    for rest in (
        told(client, job_id, **{"last-event-id": seen}), told(client, job_id, f"?after={seen}"),
    ):  # fmt: skip
        assert rest == whole[2:]
    assert [event for _, event, _ in told(client, job_id, f"?after={whole[-1][0]}")] == ["status"]


def test_kinds_can_be_chosen(stage, client):
    job_id = submit(client)["request_id"]
    fill(stage, job_id)

    def kinds(query):
        return [event for _, event, _ in told(client, job_id, query)]

    assert kinds("?kinds=log") == ["log", "log", "status"]
    assert kinds("?kinds=partial,progress") == ["progress", "partial", "status"]
    assert kinds("?kinds=") == ["status"]


def test_a_job_is_followed_through_every_change(stage, client):
    job_id = submit(client)["request_id"]
    following = Background(told, client, job_id)
    stage.start(job_id)
    stage.tell(job_id, "log", message="line", level="log")
    stage.succeed(job_id, {})

    said = following.result()

    statuses = [data["status"] for _, event, data in said if event == "status"]
    assert statuses[-1] == "succeeded"
    assert set(statuses) <= {"queued", "running", "succeeded"}
    assert [data["message"] for _, event, data in said if event == "log"] == ["line"]
    assert all("progress" in data for _, event, data in said if event == "status")


def test_a_long_story_is_told_to_its_end_before_the_job(stage, client):
    job_id = submit(client)["request_id"]
    now = stage.services.clock.now()
    lines = [NewEntry(job_id, "log", json.dumps({"message": str(n)}), now) for n in range(2500)]
    stage.services.feed.append(lines)
    stage.succeed(job_id, {})

    said = told(client, job_id)

    assert [data["message"] for _, event, data in said[:-1]] == [str(n) for n in range(2500)]
    assert said[-1][1] == "status"


def test_a_wrong_place_is_refused_before_the_stream_begins(stage, client, stranger):
    job_id = submit(client)["request_id"]
    path = f"/api/jobs/{job_id}/events"

    for query in ("?after=x", "?after=-1", "?kinds=logs"):
        reply = client.get(path + query)
        assert (reply.status_code, reply.json()["error"]["field"]) == (
            422, "query." + query[1:].partition("=")[0],
        )  # fmt: skip
    assert stranger.get(path).status_code == 404
    assert client.head(path).status_code == 200  # and it is not followed
