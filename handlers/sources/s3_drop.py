"""Objects that were dropped. Their jobs' webhooks are rendered here.

The event says only that an object is there: it becomes a hint to look, as in a listing.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote_plus

from handlers.source import Event, Source, Wish

PREFIX = "drop/"


def matches(event: Event) -> bool:
    """What S3 itself sends, and what EventBridge sends for it."""
    records = event.get("Records")
    if isinstance(records, list) and records:
        return all(isinstance(one, dict) and one.get("eventSource") == "aws:s3" for one in records)
    return event.get("source") == "aws.s3" and event.get("detail-type") == "Object Created"


def keys_in(event: Event) -> list[str]:
    """Keys below the drop prefix; S3's own events quote them, EventBridge's do not."""
    if "Records" in event:
        said = [one.get("s3", {}).get("object", {}).get("key") for one in event["Records"]]
        keys = [unquote_plus(key) for key in said if isinstance(key, str)]
    else:
        key = event.get("detail", {}).get("object", {}).get("key")
        keys = [key] if isinstance(key, str) else []
    return [key.removeprefix(PREFIX) for key in keys if key.startswith(PREFIX)]


def jobs_in(event: Event) -> Iterator[Wish]:  # noqa: ARG001 - Source's
    """None at once: the object itself says which."""
    yield from ()


SOURCE = Source(name="drop", matches=matches, jobs_in=jobs_in, keys_in=keys_in)
