"""What S3 and EventBridge say of a dropped object, as they say it."""

from __future__ import annotations

import pytest

from handlers.sources.s3_drop import SOURCE, is_greeting, keys_in, matches
from pilotlight.errors import InvalidInput

FROM_S3 = {
    "Records": [
        {
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "eventName": "ObjectCreated:Put",
            "s3": {
                "bucket": {"name": "acme-drop"},
                "object": {
                    "key": "drop/pilotlight/echo/a+b%2Bc%C3%BC.json",
                    "size": 12,
                    "eTag": "e",
                    "sequencer": "0A",
                    "versionId": "096fKKXTRTtl3on89fVO.nfljtsv6qko",
                },
            },
        }
    ]
}
FROM_EVENTBRIDGE = {
    "version": "0",
    "source": "aws.s3",
    "detail-type": "Object Created",
    "detail": {
        "bucket": {"name": "acme-drop"},
        "object": {"key": "drop/pilotlight/echo/a+b.json", "size": 12, "etag": "e"},
    },
}
ELSEWHERE = {"Records": [{"eventSource": "aws:s3", "s3": {"object": {"key": "other/a.json"}}}]}


def test_a_key_is_read_as_each_sender_writes_it():
    assert keys_in(FROM_S3) == ["pilotlight/echo/a b+cü.json"]
    assert keys_in(FROM_EVENTBRIDGE) == ["pilotlight/echo/a+b.json"]
    assert keys_in(ELSEWHERE) == []


@pytest.mark.parametrize("event", [FROM_S3, FROM_EVENTBRIDGE, ELSEWHERE])
def test_its_events_are_known(event):
    assert matches(event)
    assert list(SOURCE.jobs_in(event)) == []


FOREIGN = [
    {},
    {"Records": []},
    {"Records": "x"},
    {"Records": [{"eventSource": "aws:sqs"}]},
    {"source": "aws.s3", "detail-type": "Object Deleted"},
    {"Records": [{"eventSource": "aws:s3", "eventName": "ObjectRemoved:Delete", "s3": {}}]},
    {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "acme-drop"},
]


@pytest.mark.parametrize("event", FOREIGN)
def test_others_are_not(event):
    assert not matches(event)


def test_what_s3_says_when_it_is_told_whom_to_tell_is_known_as_that():
    assert is_greeting(FOREIGN[-1])
    assert not is_greeting(FROM_S3)


@pytest.mark.parametrize(
    "event",
    [
        {"Records": [{"eventSource": "aws:s3"}]},
        {"source": "aws.s3", "detail-type": "Object Created", "detail": {"object": 5}},
    ],
)
def test_an_event_that_names_no_object_is_refused(event):
    with pytest.raises(InvalidInput, match="object and its key"):
        keys_in(event)
