"""``/api/jobs/ID/retry``: done again, with everything the first was asked."""

from __future__ import annotations

import json
from dataclasses import replace

from pilotlight.contracts.group import NO_WORKER
from tests.dialects.native_jobs import JOBS, error_of, submit


def test_a_retry_is_a_new_job_with_everything_the_first_was_asked(stage, client, stranger, clock):
    first = submit(
        client,
        {"prompt": "a cat", "steps": 7},
        tags=[{"key": "a", "value": "b"}],
        priority="low",
        webhook="https://example.org/hook",
        start_timeout_s=120,
    )["id"]
    assert error_of(client.post(f"{JOBS}/{first}/retry"))[0] == 409
    stage.fail(first)
    clock.sleep(50)

    reply = client.post(f"{JOBS}/{first}/retry", headers={"idempotency-key": "again"})
    again, before = stage.job(reply.json()["id"]), stage.job(first)

    assert (reply.status_code, reply.json()["retry_of"], reply.json()["status"]) == (
        202, first, "queued",
    )  # fmt: skip
    assert again.id != first
    for name in ("caller", "endpoint", "worker", "origin", "input", "tags", "priority", "webhook"):
        assert getattr(again, name) == getattr(before, name), name
    assert (again.created_at, again.start_by) == (clock.now(), clock.now() + 120)
    assert (again.attempts, again.error, again.owner, again.ended_at) == (0, None, None, None)
    repeated = client.post(f"{JOBS}/{first}/retry", headers={"idempotency-key": "again"})
    assert repeated.json()["id"] == again.id
    submit(client, idempotency_key="other")
    clash = client.post(f"{JOBS}/{first}/retry", headers={"idempotency-key": "other"})
    assert error_of(clash)[1]["code"] == "idempotency_mismatch"
    assert stranger.post(f"{JOBS}/{first}/retry").status_code == 404


def test_a_retry_needs_the_files_that_the_first_one_had(stage, client, clock):
    pixels = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAEAAAABAAQAAAACCEkxzAAAAD0lEQVR42mNgGAWjgHwAAAJAAAHgTR1EAAAAAElFTkSuQmCC"
    first = submit(client, {"prompt": "blob:not a file", "image_url": pixels})["id"]
    stage.fail(first)

    again = client.post(f"{JOBS}/{first}/retry")
    key = json.loads(stage.job(first).input)["image_url"].removeprefix("blob:")
    stage.services.blobs.delete(key)
    refused = client.post(f"{JOBS}/{first}/retry")

    assert again.status_code == 202
    assert (refused.status_code, "image_url" in refused.json()["error"]["message"]) == (409, True)


def test_what_stands_for_a_group_is_not_done_again_by_itself(stage, client):
    first = stage.job(submit(client)["id"])
    stage.services.store.create([replace(first, id="head", worker=NO_WORKER, group_id="head")])
    assert client.post(f"{JOBS}/head/cancel").status_code == 200

    status, error = error_of(client.post(f"{JOBS}/head/retry"))

    assert (status, error["code"]) == (409, "illegal_transition")
    assert "group" in error["message"]


def test_a_retry_in_a_routed_world_goes_to_the_same_worker_or_nowhere(stage, client):
    first = stage.job(submit(client)["id"])
    stage.services.store.create([replace(first, id="moved", worker="another")])
    client.post(f"{JOBS}/moved/cancel")

    status, error = error_of(client.post(f"{JOBS}/moved/retry"))

    assert status == 409
    assert "served by pictures now, and was by another" in error["message"]
