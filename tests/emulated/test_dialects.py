"""Dialects beside fal's, with DynamoDB behind them: one job read in all, and found by its tags."""

from __future__ import annotations

from tests.live import until

ECHO = "pilotlight/echo"
PLACES = {
    "/v1/async-invoke/{}": "COMPLETED",
    "/fal-ai/{}": "SUCCESS",
    "/v1/tasks/{}": "completed",
    "/api/jobs/{}": "succeeded",
    "/v1/requests/{}": "completed",
}


def test_a_tagged_job_is_read_in_every_dialect_and_found_in_the_list(live):
    tags = [{"key": "of", "value": "the emulator"}]
    wish = {"model_id": ECHO, "input": {"text": "hi"}, "tags": tags}
    job_id = live.ask("POST", "/v1/async-invoke", wish).json["request_id"]
    other = live.ask("POST", f"/fal-ai/{ECHO}", {"text": "no tags"}).json["task_id"]

    assert live.finished(ECHO, job_id).json == {"text": "hi"}
    assert live.finished(ECHO, other).json == {"text": "no tags"}
    for place, done in PLACES.items():
        assert live.ask("GET", place.format(job_id)).json["status"] == done
    assert live.ask("GET", f"/v1/async-invoke/{job_id}").json["tags"] == tags

    def found():  # an index runs a moment behind its table
        page = live.ask("GET", "/api/jobs?tag=of=the%20emulator").json["jobs"]
        return [job["id"] for job in page]

    assert until(found, what="the index to know the job") == [job_id]
