"""Brings rows of a restored table back: ``python -m infra.restore --source TABLE --target TABLE``.

Without ``--overwrite`` only rows that the target lacks, so it may run while the stage does; with it
every row becomes what it was, which is for a stage that stands still (RUNBOOK.md).
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.config import Config

from pilotlight import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_dynamodb import DynamoDBClient

_PATIENT: Final = Config(retries={"mode": "adaptive", "total_max_attempts": 12})
"""As fast as the target's table takes it, and no faster."""


@dataclass(slots=True)
class Restored:
    """How many rows there were, and what became of them."""

    read: int = 0
    written: int = 0

    @property
    def left(self) -> int:
        """Already there, and so not touched."""
        return self.read - self.written


def restore(client: DynamoDBClient, source: str, target: str, *, overwrite: bool) -> Restored:
    """Raises ClientError for a table that is not there, or a key that may not write."""
    done = Restored()
    lacking = {} if overwrite else {"ConditionExpression": "attribute_not_exists(pk)"}
    for row in _rows(client, source):
        done.read += 1
        try:
            client.put_item(TableName=target, Item=row, **lacking)  # type: ignore[arg-type]
        except client.exceptions.ConditionalCheckFailedException:
            continue
        done.written += 1
    return done


def _rows(client: DynamoDBClient, table: str) -> Iterator[dict[str, Any]]:
    for page in client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        yield from page["Items"]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.restore", description=__doc__)
    parser.add_argument("--source", required=True, help="what DynamoDB restored")
    parser.add_argument("--target", required=True, help="pilotlight-STAGE-jobs, or -secrets")
    parser.add_argument("--overwrite", action="store_true", help="rows that are there as well")
    asked = parser.parse_args()
    aws = settings.load().aws
    client = boto3.client(
        "dynamodb", region_name=aws.region, endpoint_url=aws.endpoint_url, config=_PATIENT
    )
    done = restore(client, asked.source, asked.target, overwrite=asked.overwrite)
    sys.stdout.write(f"{done.read} rows read, {done.written} written, {done.left} left alone\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
