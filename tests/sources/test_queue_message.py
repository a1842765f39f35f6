from __future__ import annotations

import asyncio
import json

import pytest

from handlers.announcements import Renderer
from handlers.source import Refused, found, take
from handlers.sources.queue_message import SOURCE
from pilotlight.contracts import moves
from pilotlight.errors import InvalidInput


def record(body, message_id="m-1"):
    text = body if isinstance(body, str) else json.dumps(body)
    return {"messageId": message_id, "eventSource": "aws:sqs", "body": text}


def event(*records):
    return {"Records": list(records)}


ECHO = {"endpoint": "pilotlight/echo", "input": {"text": "hi"}}


def accept(services, given):
    return asyncio.run(take(services, found(), given, caller="alice"))


def test_the_sources_are_exactly_these():
    assert sorted(found()) == ["drop", "queue-message"]


def test_each_message_becomes_a_job(services):
    more = ECHO | {"webhook": "https://example.org", "low_priority": True}
    first, second = accept(services, event(record(ECHO, "m-1"), record(more, "m-2")))

    assert (first.caller, first.origin, json.loads(first.input)) == (
        "alice",
        "queue-message",
        {"text": "hi"},
    )
    assert (second.priority, second.webhook) == (1, "https://example.org")


def test_the_same_message_twice_makes_one_job(services):
    (first,) = accept(services, event(record(ECHO)))
    (again,) = accept(services, event(record(ECHO)))

    assert first.id == again.id


def test_a_wish_that_is_refused_leaves_the_others_alone(services):
    wrong = {"endpoint": "pilotlight/echo", "input": {"text": 5}}
    refused, job = accept(services, event(record(wrong, "m-1"), record(ECHO, "m-2")))

    assert isinstance(refused, Refused)
    assert refused.error.problems[0].loc == ("body", "text")
    assert services.store.get(job.id) == job


BROKEN = [
    pytest.param("{", "Records.0.body", id="no JSON"),
    pytest.param({"input": {}}, "Records.0.body", id="no endpoint"),
    pytest.param(ECHO | {"inputs": {}}, "Records.0.body", id="a field nobody knows"),
]


@pytest.mark.parametrize(("body", "where"), BROKEN)
def test_a_broken_message_names_its_field_and_leaves_the_others_alone(services, body, where):
    """Refused as a whole, the event would come again for ever, and with it what is in order."""
    refused, job = accept(services, event(record(body, "m-1"), record(ECHO, "m-2")))

    assert isinstance(refused, Refused)
    assert (refused.wish.key, refused.error.code) == ("sqs:m-1", "invalid_input")
    assert str(refused.error).startswith(where)
    assert services.store.list_jobs() == [job]


FOREIGN = [{}, {"Records": []}, {"Records": [{"eventSource": "aws:sns"}]}, {"Records": "x"}]


@pytest.mark.parametrize("given", FOREIGN)
def test_somebody_elses_event_is_refused_in_words(services, given):
    assert not SOURCE.matches(given)
    with pytest.raises(InvalidInput, match="no source knows this event"):
        accept(services, given)


def test_its_webhook_is_in_our_own_words(services, clock):
    (job,) = accept(services, event(record(ECHO)))
    held = services.store.move(
        job.id, moves.lease(owner="r", now=clock.now(), lease_s=60, margin_s=10)
    )
    done = services.store.move(job.id, moves.succeed(held, now=clock.now(), output='{"text":"hi"}'))
    render = Renderer(services.control, found(), base_url="http://here")

    assert json.loads(render(done)) == {
        "id": job.id,
        "endpoint": "pilotlight/echo",
        "status": "succeeded",
        "key": "sqs:m-1",
        "output": {"text": "hi"},
        "error": None,
    }
