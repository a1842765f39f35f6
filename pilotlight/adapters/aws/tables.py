"""The tables of AWS mode as data: tests create them from here, and infra says the same.

One table holds everything but secrets::

    pk             sk             what
    JOB#id         JOB            the job's row, with its history
    IDEM#hash      caller         which job an idempotency key made
    FEED#id        000000000001   entries of one append
    AGENT#caller   id#00000001    a version of an agent
    GROUP#id       TALLY          how many members a group has, and how they ended
    KEY            id             an API key
    REPLICA        id             that there is such a replica
    REPLICA#id     REPLICA        a replica's row
    NOTE           name           what the scaler learned, or was told
    FILE#caller    id             a file that the caller keeps here
    DROP#id        DROP           a version of a dropped object that was taken; see drop.py

Each index is sparse: a row is in it while it has both of the index's attributes, so that a
finished row weighs nothing. They hold little more than keys; rows are then read from the table
itself, and so are never older than the question.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

SHARDS: Final = tuple(f"D#{number}" for number in range(16))
"""An index partition takes 1,000 writes a second; these spread what is asked across all jobs."""


class Index(NamedTuple):
    """``sort_type`` is DynamoDB's: N a number, S a text."""

    name: str
    partition: str
    sort: str
    sort_type: str
    carries: tuple[str, ...] = ()
    """Columns that can be read from the index itself."""


DUE: Final = Index("due", "shard", "due_at", "N")
WEBHOOK: Final = Index("webhook", "shard", "webhook_due", "N")
FORGET: Final = Index("forget", "shard", "forget_at", "N")
NEWEST: Final = Index("newest", "shard", "born", "S", ("webhook",))
CALLER: Final = Index("caller", "caller", "born", "S", ("webhook",))
READY: Final = Index("ready", "ready", "place", "S", ("not_before", "caller"))
"""Rows that wait, by worker, next one first."""
RUNNING: Final = Index("running", "running", "place", "S")
"""Rows that run, by worker."""
HOLDER: Final = Index("holder", "holder", "place", "S")
"""Rows that run, by the replica that holds them."""
MARK: Final = Index("mark", "shard", "group_due", "N")
GROUP: Final = Index("group", "group_id", "member", "S", ("status",))
"""Members of a group, by key."""
ENDED: Final = Index(
    "ended", "worker", "ended_at", "N", ("status", "caller", "endpoint", "created_at", "started_at")
)
"""Rows that are over, by worker: what metrics, the scaler's memory and bills are made from."""
INDEXES: Final = (DUE, WEBHOOK, FORGET, NEWEST, CALLER, READY, RUNNING, HOLDER, MARK, GROUP, ENDED)

TTL: Final = "delete_at"
"""DynamoDB itself deletes an item some time after this, in whole seconds: the second broom, for
a row that upkeep has not forgotten ``TTL_SLACK_S`` after it should have, files and feed first."""
TTL_SLACK_S: Final = 7 * 24 * 3600

_ONE_KEY: Final = [{"AttributeName": "pk", "KeyType": "HASH"}]


def _index(index: Index) -> dict[str, Any]:
    projection: dict[str, Any] = {"ProjectionType": "KEYS_ONLY"}
    if index.carries:
        projection = {"ProjectionType": "INCLUDE", "NonKeyAttributes": [*index.carries]}
    return {
        "IndexName": index.name,
        "KeySchema": [
            {"AttributeName": index.partition, "KeyType": "HASH"},
            {"AttributeName": index.sort, "KeyType": "RANGE"},
        ],
        "Projection": projection,
    }


def jobs_table(name: str) -> dict[str, Any]:
    """Arguments of CreateTable, and properties of ``AWS::DynamoDB::Table``."""
    types = {"pk": "S", "sk": "S"}
    for index in INDEXES:
        types |= {index.partition: "S", index.sort: index.sort_type}
    return {
        "TableName": name,
        "KeySchema": [*_ONE_KEY, {"AttributeName": "sk", "KeyType": "RANGE"}],
        "AttributeDefinitions": [
            {"AttributeName": attribute, "AttributeType": kind}
            for attribute, kind in sorted(types.items())
        ],
        "GlobalSecondaryIndexes": [_index(index) for index in INDEXES],
        "BillingMode": "PAY_PER_REQUEST",
    }


def secrets_table(name: str) -> dict[str, Any]:
    """A table of its own, because roles that only move jobs need not read it."""
    return {
        "TableName": name,
        "KeySchema": _ONE_KEY,
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
        "SSESpecification": {"Enabled": True, "SSEType": "KMS"},
    }


def create(client: DynamoDBClient, definition: dict[str, Any]) -> None:
    """Make the table and wait until it answers; one that exists is left as it is."""
    try:
        client.create_table(**definition)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceInUseException":
            raise
    client.get_waiter("table_exists").wait(TableName=definition["TableName"])
