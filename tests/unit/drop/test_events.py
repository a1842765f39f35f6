"""Objects that S3 tells of: lost, doubled, late and unreadable events."""

from __future__ import annotations

import json
import random

import pytest

from handlers import lambda_drop
from handlers.sources import s3_drop
from pilotlight.contracts.job import JobStatus
from tests.unit.drop.house import ECHO, FULL


def event(key):
    record = {"eventSource": "aws:s3", "s3": {"object": {"key": f"drop/{key}"}}}
    return {"Records": [record]}


@pytest.mark.parametrize(
    "count", [300, pytest.param(FULL, marks=pytest.mark.slow)], ids=["some", "ten thousand"]
)
def test_each_object_is_one_job_though_events_are_lost_and_doubled(house, count):
    """5 % of the events are lost, 5 % come twice; the listing finds the rest."""
    rng, keys = random.Random(57), [f"{ECHO}/{n % 10}/{n}.json" for n in range(count)]
    for key in keys:
        house.put(key)
    told = [key for key in keys if rng.random() >= 0.05]
    told += [key for key in told if rng.random() < 0.05]
    rng.shuffle(told)

    while len(house.jobs()) < count or house.drops.ledger.counts()[1]:
        for key in told[:100]:
            house.drops.hint(s3_drop.keys_in(event(key)))
        told = told[100:]
        house.look(1)
        for job in house.jobs():
            if not job.status.is_terminal:
                house.run(job)

    house.look(3)
    jobs = house.jobs()
    assert len(jobs) == count
    assert {job.status for job in jobs} == {JobStatus.SUCCEEDED}
    assert {json.loads(job.input)["text"] for job in jobs} == set(keys)
    assert house.drops.ledger.counts() == (count, 0)
    assert len(list(house.results.rglob("*.result.json"))) == count


def told(*bodies):
    """As SQS hands them to a Lambda."""
    return {
        "Records": [
            {"eventSource": "aws:sqs", "messageId": f"m{number}", "body": text}
            for number, text in enumerate(bodies)
        ]
    }


def failed(answer):
    return [one["itemIdentifier"] for one in answer["batchItemFailures"]]


def test_a_lambda_takes_what_a_queue_says_and_names_what_nobody_can_read(house):
    house.put(f"{ECHO}/a b.json")
    house.put(f"{ECHO}/c.json")
    greeting = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "acme-drop"}
    removed = event(f"{ECHO}/c.json")
    removed["Records"][0]["eventName"] = "ObjectRemoved:Delete"
    messages = told(
        json.dumps(event(f"{ECHO}/a+b.json")),
        "not JSON",
        json.dumps(greeting),
        json.dumps({"source": "aws.ec2"}),
        json.dumps({"Records": [{"eventSource": "aws:s3", "s3": {}}]}),
        json.dumps(removed),
        "[]",
        json.dumps(event(f"{ECHO}/c.json")),
        json.dumps(event(f"{ECHO}/gone.json")),
    )

    for _ in range(3):
        answer = lambda_drop.take(house.services, messages)
        assert failed(answer) == ["m1", "m3", "m4", "m5", "m6"]
        house.clock.sleep(3)

    assert sorted(json.loads(job.input)["text"] for job in house.jobs()) == [
        f"{ECHO}/a b.json", f"{ECHO}/c.json",
    ]  # fmt: skip


class Torn:
    """A folder in which one object cannot be looked at, whatever is tried."""

    def __init__(self, folder, poison):
        self._folder, self._poison = folder, poison

    def __getattr__(self, name):
        return getattr(self._folder, name)

    def look(self, key):
        if key == self._poison:
            raise OSError("torn")
        return self._folder.look(key)


def test_one_object_that_cannot_be_taken_brings_back_its_own_message_only(house):
    keys = [f"{ECHO}/{n}.json" for n in range(4)]
    for key in keys:
        house.put(key)
    house.drops.folder = Torn(house.drops.folder, keys[1])
    messages = told(*(json.dumps(event(key)) for key in keys))

    for _ in range(2):
        assert failed(lambda_drop.take(house.services, messages)) == ["m1"]
        house.clock.sleep(3)
    assert sorted(json.loads(job.input)["text"] for job in house.jobs()) == [
        keys[0], keys[2], keys[3],
    ]  # fmt: skip
