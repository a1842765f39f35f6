"""Tests that only AWS itself can answer: ``pytest -m aws tests/aws``.

Credentials and region come from where boto3 looks for them. Each run makes two tables and a
bucket with names of its own and deletes them afterwards; it costs cents. The role needs
``dynamodb:*`` on ``pilotlight-test-*`` and ``s3:*`` on buckets of that name.
"""

from __future__ import annotations

import secrets

import pytest

from pilotlight.adapters.aws import tables
from pilotlight.adapters.aws.calls import Calls
from pilotlight.adapters.aws.clients import Clients
from pilotlight.adapters.aws.objects import Bucket
from pilotlight.adapters.aws.texts import LongTexts
from pilotlight.adapters.local.clock import SystemClock


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
        for table in (self.table, self.secrets_table):
            self.dynamodb.delete_table(TableName=table)
        self.bucket.delete(*(name for name, _ in self.bucket.list("")))
        self.s3.delete_bucket(Bucket=self.bucket.name)


@pytest.fixture(scope="session")
def stage():
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
