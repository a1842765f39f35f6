"""Objects that were dropped. Their jobs' webhooks are rendered here.

The event says only that an object is there: it becomes a hint to look, as in a listing.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote_plus

from handlers.source import Event, Source, Wish
from pilotlight.errors import InvalidInput, Problem

PREFIX = "drop/"


def matches(event: Event) -> bool:
    """What S3 itself sends, and what EventBridge sends for it."""
    records = event.get("Records")
    if isinstance(records, list) and records:
        return all(_is_created(one) for one in records)
    return event.get("source") == "aws.s3" and event.get("detail-type") == "Object Created"


def _is_created(record: object) -> bool:
    return (
        isinstance(record, dict)
        and record.get("eventSource") == "aws:s3"
        and str(record.get("eventName", "ObjectCreated:")).startswith("ObjectCreated:")
    )


def is_greeting(event: Event) -> bool:
    """What S3 sends once, when it is told whom to tell."""
    return event.get("Service") == "Amazon S3" and event.get("Event") == "s3:TestEvent"


def keys_in(event: Event) -> list[str]:
    """Keys below the drop prefix; S3's own events quote them, EventBridge's do not.

    Which version was put is not looked at: the newest one is, whoever comes first. Raises
    InvalidInput for an event that names no object.
    """
    if "Records" in event:
        keys = [unquote_plus(_key(one.get("s3"))) for one in event["Records"]]
    else:
        keys = [_key(event.get("detail"))]
    return [key.removeprefix(PREFIX) for key in keys if key.startswith(PREFIX)]


def _key(said: object) -> str:
    match said:
        case {"object": {"key": str(key)}}:
            return key
    message = "must name an object and its key"
    raise InvalidInput(f"the event {message}", Problem(("object", "key"), message, "missing"))


def jobs_in(event: Event) -> Iterator[Wish]:  # noqa: ARG001 - Source's
    """None at once: the object itself says which."""
    yield from ()


SOURCE = Source(name="drop", matches=matches, jobs_in=jobs_in, keys_in=keys_in)
