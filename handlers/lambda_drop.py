"""Objects that were dropped into the bucket: EventBridge says so to a queue, and it to a Lambda."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from handlers.sources.s3_drop import keys_in, matches
from pilotlight.bootstrap.ingress import Services
from pilotlight.errors import InvalidInput, SettingsError
from pilotlight.observability.logs import event as log


def take(services: Services, event: Mapping[str, Any]) -> int:
    """Look at what the event names; how many objects that was.

    Raises SettingsError where there is no drop folder, and whatever the store raises: then the
    queue brings the event again, and what was taken already is not taken twice.
    """
    if services.drops is None:
        raise SettingsError("set PILOTLIGHT_AWS__DROP_BUCKET to the bucket that this event is of")
    keys = [key for one in _events(event) for key in _keys(one)]
    services.drops.hint(keys)
    services.drops.heed()
    return len(keys)


def _events(event: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """What S3 or EventBridge said, from within SQS's records or as it is."""
    for record in event.get("Records", [event]):
        if not isinstance(record, dict) or record.get("eventSource") != "aws:sqs":
            yield event
            return
        try:
            inner = json.loads(record.get("body") or "")
        except ValueError:
            inner = None
        if isinstance(inner, dict):
            yield inner


def _keys(event: Mapping[str, Any]) -> list[str]:
    """A message that is none of ours would come again for ever: it is said and forgotten."""
    try:
        if matches(event):
            return list(keys_in(event))
    except InvalidInput:
        pass
    log("drop.unknown_event", source=str(event.get("source"))[:100])
    return []
