"""Tests that only AWS itself can answer: README.md beside this says how to run them, and what it costs."""

from __future__ import annotations

import secrets

import boto3
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from pilotlight.adapters.aws import tables
from pilotlight.adapters.aws.calls import Calls
from pilotlight.adapters.aws.clients import Clients
from pilotlight.adapters.aws.objects import Bucket
from pilotlight.adapters.aws.texts import LongTexts
from pilotlight.adapters.local.clock import SystemClock


@pytest.fixture(scope="session", autouse=True)
def account():
    """The account's number. Without credentials or a region all of them fail with one sentence."""
    try:
        return boto3.client("sts").get_caller_identity()["Account"]
    except (BotoCoreError, ClientError) as error:
        pytest.fail(
            f"tests/aws need an account: {error}. Set AWS_PROFILE (or AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY) and AWS_DEFAULT_REGION; see tests/aws/README.md",
            pytrace=False,
        )


class RealStage:
    """What :class:`tests.contract.emulator.Stage` is on an emulator."""

    def __init__(self, clients):
        run = f"pilotlight-test-{secrets.token_hex(4)}"
        self.dynamodb, self.s3 = clients.dynamodb(), clients.s3()
        self.clock = SystemClock()
        self.table, self.secrets_table = f"{run}-jobs", f"{run}-secrets"
        self.calls = Calls(self.dynamodb, self.clock)
        self.bucket = Bucket(self.s3, run)
        self.texts = LongTexts(self.bucket)

    def create(self):
        tables.create(self.dynamodb, tables.jobs_table(self.table))
        tables.create(self.dynamodb, tables.secrets_table(self.secrets_table))
        region = self.s3.meta.region_name
        where = {"CreateBucketConfiguration": {"LocationConstraint": region}}
        self.s3.create_bucket(Bucket=self.bucket.name, **(where if region != "us-east-1" else {}))

    def remove(self):
        """All that was made, though some of it was not: what fails is told at the end."""
        steps = [
            lambda: self.dynamodb.delete_table(TableName=self.table),
            lambda: self.dynamodb.delete_table(TableName=self.secrets_table),
            lambda: self.bucket.delete(*(name for name, _ in self.bucket.list(""))),
            lambda: self.s3.delete_bucket(Bucket=self.bucket.name),
        ]
        failed = [error for step in steps if (error := _error_of(step)) is not None]
        if failed:
            raise ExceptionGroup("left behind; python -m tests.aws.leftovers --delete", failed)


def _error_of(step):
    try:
        step()
    except Exception as error:  # noqa: BLE001 - the other steps have to be taken too
        return error
    return None


@pytest.fixture(scope="session")
def stage(account):
    clients = Clients()
    made = RealStage(clients)
    try:
        made.create()
        yield made
    finally:
        made.remove()
        clients.close()


@pytest.fixture
def clock(stage):
    return stage.clock
