"""Webhooks, woken by the job table's stream and by the timer."""

from __future__ import annotations

import copy
import time

import pytest

from handlers import aws_lambda, lambda_house
from handlers.lambda_dispatch import due_rows
from pilotlight.contracts import moves
from tests.lambdas.conftest import Context, event
from tests.receiver import receiver


@pytest.fixture
def hook():
    with receiver() as made:
        yield made


def finished(stack, hook, *, now=None):
    """A job that succeeded and whose webhook is due; its id."""
    rig = stack.rig
    now = rig.clock.now() if now is None else now
    job_id = rig.submit({"text": "hi"}, send=False, webhook=hook.url, origin="fal")
    job = rig.store.move(job_id, moves.lease(owner="r", now=now, lease_s=60, margin_s=10))
    rig.store.move(job_id, moves.succeed(job, now=now, output='{"text":"hi"}'))
    return job_id


def record(job_id, due):
    made = copy.deepcopy(event("stream"))
    image = made["Records"][0]["dynamodb"]["NewImage"]
    image["pk"]["S"] = f"JOB#{job_id}"
    image["webhook_due"]["N"] = repr(due)
    return made


def test_a_row_that_ended_is_announced_and_settled(stack, hook):
    job_id = finished(stack, hook)
    assert aws_lambda.dispatch(record(job_id, time.time() - 1), Context()) == {"begun": 1}

    posted = hook.next()
    assert posted.json["request_id"] == job_id
    assert posted.json["payload"] == {"text": "hi"} | posted.json["payload"]
    assert "webhook-signature" in posted.headers
    assert stack.rig.job(job_id).webhook_state == "delivered"


def test_the_timer_finds_what_is_due_again(stack, hook):
    job_id = finished(stack, hook)
    assert aws_lambda.dispatch(event("schedule"), Context()) == {"begun": 1}
    assert hook.next().json["request_id"] == job_id
    assert aws_lambda.dispatch(event("schedule"), Context()) == {"begun": 0}


def test_a_change_that_makes_nothing_due_costs_no_look(stack, hook):
    lambda_house.services()
    job_id = finished(stack, hook)
    assert aws_lambda.dispatch(record(job_id, time.time() + 30), Context()) == {"begun": 0}
    assert stack.rig.job(job_id).webhook_tries == 0


def test_a_row_that_the_index_does_not_show_yet_is_waited_for_a_moment(stack):
    lambda_house.services()
    began = time.monotonic()
    assert aws_lambda.dispatch(record("unknown", 1.0), Context()) == {"begun": 0}
    assert time.monotonic() - began >= 0.5


def test_only_due_rows_of_an_event_count():
    both = event("stream")["Records"]
    both += copy.deepcopy(both)
    both[1]["dynamodb"]["NewImage"].pop("webhook_due")
    both.append({"eventName": "REMOVE", "dynamodb": {"Keys": {}}})
    assert due_rows({"Records": both}, now=1795168801.0) == ["JOB#ID"]
    assert due_rows({"Records": both}, now=1795168800.0) == []
    assert due_rows(event("schedule"), now=0.0) is None
