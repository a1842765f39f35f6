"""A finished job becomes known: real rows, real sockets, one signed post."""

from __future__ import annotations

import json

import standardwebhooks

from pilotlight.contracts import moves
from pilotlight.contracts.job import Job, JobError, JobStatus
from pilotlight.contracts.webhook import MAX_BODY_BYTES
from tests.contract.http_servers import reply, serving
from tests.journeys.post_office import ids


def test_a_finished_job_is_announced_once_and_signed(office):
    with serving(reply(200)) as receiver:
        job = office.job(receiver.url())
        assert office.deliver() == 1
        assert office.deliver() == 0

    (request,) = receiver.received
    (secret,) = office.signer.active_secrets("alice", office.clock.now())
    body = standardwebhooks.Webhook(secret).verify(request.body, request.headers)
    assert body == {"request_id": job.id, "status": "succeeded", "payload": '"hi"'}
    assert request.headers["content-type"] == "application/json"
    assert request.headers["x-fal-webhook-request-id"] == job.id
    row = office.row(job)
    assert (row.webhook_state, row.webhook_due, row.webhook_tries) == ("delivered", None, 1)
    assert row.status is JobStatus.SUCCEEDED


def test_a_job_without_a_webhook_is_not_announced(office):
    job = office.job(None)

    assert office.deliver() == 0
    assert office.row(job).webhook_state is None


def test_every_way_to_end_is_announced_under_its_own_id(office):
    now = office.clock.now()
    with serving(reply(200)) as receiver:
        waiting = [
            Job(
                id=f"end-{name}",
                caller="alice",
                endpoint="e",
                worker="echo",
                origin="native",
                input="{}",
                created_at=now,
                start_by=now + 60,
                run_timeout_s=60,
                webhook=receiver.url(),
            )
            for name in ("cancelled", "failed", "expired")
        ]
        office.store.create(waiting)
        office.store.move("end-cancelled", moves.cancel(waiting[0], now=now))
        held = office.store.move(
            "end-failed", moves.lease(owner="r", now=now, lease_s=60, margin_s=10)
        )
        office.store.move("end-failed", moves.fail(held, now=now, error=JobError("x", "x")))
        office.clock.sleep(61)
        office.store.move("end-expired", moves.expire(waiting[2], now=office.clock.now()))
        office.deliver()

    assert sorted(ids(receiver)) == [
        "wh_end-cancelled_cancelled",
        "wh_end-expired_expired",
        "wh_end-failed_failed",
    ]


def test_a_body_over_twenty_kilobytes_travels_without_its_output(office):
    with serving(reply(200)) as receiver:
        office.job(receiver.url(), output=json.dumps("x" * (MAX_BODY_BYTES + 1)))
        office.job(receiver.url(), output=json.dumps("x" * (MAX_BODY_BYTES - 1000)))
        office.deliver()

    bodies = {
        json.loads(request.body)["request_id"]: json.loads(request.body)
        for request in receiver.received
    }
    assert bodies["job-1"]["payload_error"] == "too large"
    assert bodies["job-1"]["payload"] is None
    assert "payload_error" not in bodies["job-2"]
    assert all(len(request.body) <= MAX_BODY_BYTES for request in receiver.received)


def test_an_origin_that_cannot_be_rendered_stops_no_other(office):
    with serving(reply(200)) as receiver:
        broken = office.job(receiver.url(), origin="broken")
        fine = office.job(receiver.url())
        office.deliver()

    assert office.row(fine).webhook_state == "delivered"
    assert office.row(broken).webhook_state is None
    assert office.row(broken).webhook_due > office.clock.now()


def test_both_secrets_verify_while_one_replaces_the_other(office):
    with serving(reply(200)) as receiver:
        office.job(receiver.url())
        office.deliver()
        (old,) = office.signer.active_secrets("alice", office.clock.now())
        new = office.signer.rotate("alice", office.clock.now())
        office.job(receiver.url())
        office.deliver()

    before, during = receiver.received
    standardwebhooks.Webhook(old).verify(before.body, before.headers)
    standardwebhooks.Webhook(old).verify(during.body, during.headers)
    standardwebhooks.Webhook(new).verify(during.body, during.headers)
