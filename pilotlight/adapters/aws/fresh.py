"""Items that are put once: whoever comes second learns what is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pilotlight.adapters.aws.calls import Refused
from pilotlight.adapters.aws.rows import idempotency_key, number

if TYPE_CHECKING:
    from pilotlight.adapters.aws.calls import Calls
    from pilotlight.adapters.aws.rows import Item
    from pilotlight.contracts.job import Job

ABSENT: Final = {
    "ConditionExpression": "attribute_not_exists(pk)",
    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
}
"""Of a put, alone or in a transaction."""
MOST_ROUNDS: Final = 3
"""A row that is forgotten just while its key is used again: look once more, not for ever."""


def put(calls: Calls, table: str, item: Item) -> bool:
    """Whether the item is there by this call; False: there is another by its key.

    For items that nobody changes: one like it after a lost answer is ours.
    """
    try:
        calls("put_item", TableName=table, Item=item, **ABSENT)
    except Refused as refused:
        return refused.doubtful and refused.items[0] == item
    return True


def record(table: str, job: Job, *, instead_of: str | None = None) -> dict[str, Any]:
    """The put, in a transaction with the row, that gives the job its idempotency key.

    ``instead_of``: a job whose row is gone though its record is there. Row and record come and go
    in one transaction, so DynamoDB's own broom has taken the row: nobody else will the record.
    """
    assert job.idempotency_key is not None
    key = idempotency_key(job.caller, job.idempotency_key)
    item = {**key, "job": {"S": job.id}, "created_at": number(job.created_at)}
    put: dict[str, Any] = {"TableName": table, "Item": item, **ABSENT}
    if instead_of is not None:
        put["ConditionExpression"] += " OR #job = :gone"
        put["ExpressionAttributeNames"] = {"#job": "job"}
        put["ExpressionAttributeValues"] = {":gone": {"S": instead_of}}
    return {"Put": put}
