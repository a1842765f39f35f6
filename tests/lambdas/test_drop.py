"""What S3 itself puts on the drop queue, handed to the Lambda as its event source would."""

from __future__ import annotations

import json

import pytest

from handlers import aws_lambda, lambda_house
from pilotlight.adapters.aws.clients import Clients
from tests.lambdas.conftest import Context
from tests.sqs_stage import REGION

ECHO = "pilotlight/echo"


class Drop:
    """A bucket that tells a queue of its objects, both on the emulator."""

    def __init__(self, rig, name, endpoint):
        self._clients = Clients(region=REGION, endpoint_url=endpoint, emulated=True)
        self.s3, self.sqs, self.name = self._clients.s3(), rig.sqs, name
        self.url = rig.sqs.create_queue(QueueName=f"{name}-drop")["QueueUrl"]
        arn = rig.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])
        told = {
            "QueueArn": arn["Attributes"]["QueueArn"],
            "Events": ["s3:ObjectCreated:*"],
            "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "drop/"}]}},
        }
        self.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        self.s3.put_bucket_notification_configuration(
            Bucket=name, NotificationConfiguration={"QueueConfigurations": [told]}
        )

    def put(self, key, document):
        body = json.dumps(document).encode()
        self.s3.put_object(Bucket=self.name, Key=f"drop/{key}", Body=body)

    def said(self, count):
        """So many messages, as SQS hands them to a Lambda."""
        found = []
        while len(found) < count:
            asked = {"MaxNumberOfMessages": 10, "WaitTimeSeconds": 2}
            more = self.sqs.receive_message(QueueUrl=self.url, **asked).get("Messages", [])
            assert more, f"{len(found)} of {count} came"
            found += more
        return {
            "Records": [
                {"eventSource": "aws:sqs", "messageId": one["MessageId"], "body": one["Body"]}
                for one in found
            ]
        }

    def close(self):
        self._clients.close()


@pytest.fixture
def wanted():
    return {"drops": True}


@pytest.fixture
def drop(stack, endpoint):
    made = Drop(stack.rig, stack.settings.aws.drop_bucket, endpoint)
    yield made
    made.close()


def jobs():
    found = lambda_house.services().store.list_jobs(limit=100)
    return sorted(json.loads(one.input)["text"] for one in found)


def test_s3_tells_the_queue_and_each_object_becomes_one_job_however_often_it_tells(drop):
    names = {f"{ECHO}/a b+c ü.json": "first", f"{ECHO}/deep/er/%41.json": "second"}
    for key, text in names.items():
        drop.put(key, {"text": text})
    events = drop.said(3)  # the first is S3's greeting

    for _ in range(2):
        assert aws_lambda.drop(events, Context()) == {"batchItemFailures": []}
    assert jobs() == ["first", "second"]


def test_a_new_version_of_an_object_is_another_job_and_an_old_event_is_not(drop):
    key = f"{ECHO}/again.json"
    drop.put(key, {"text": "one"})
    first = drop.said(2)
    aws_lambda.drop(first, Context())
    drop.put(key, {"text": "two"})
    second = drop.said(1)

    for events in (second, first, second):
        assert aws_lambda.drop(events, Context()) == {"batchItemFailures": []}
    assert jobs() == ["one", "two"]


def test_a_batch_with_one_poison_record_brings_back_that_one(drop):
    drop.put(f"{ECHO}/good.json", {"text": "good"})
    events = drop.said(2)
    events["Records"].insert(1, {"eventSource": "aws:sqs", "messageId": "bad", "body": "{"})

    answer = aws_lambda.drop(events, Context())

    assert answer == {"batchItemFailures": [{"itemIdentifier": "bad"}]}
    assert jobs() == ["good"]
