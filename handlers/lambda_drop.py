"""Objects that were dropped into the bucket: S3 says so to a queue, and that to a Lambda."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from handlers.sources.s3_drop import is_greeting, keys_in, matches
from pilotlight.bootstrap.ingress import Services
from pilotlight.errors import InvalidInput, SettingsError
from pilotlight.intake.drop.watching import Drops
from pilotlight.observability.logs import event as log
from pilotlight.observability.logs import failure

_SHOWN: Final = 100


def take(services: Services, event: Mapping[str, Any]) -> dict[str, Any]:
    """Look at what the messages name, and say which of them have to come again.

    A message that nobody can read comes again too, until the queue gives it to its dead letters,
    where somebody sees it. What was taken already is not taken twice. Raises SettingsError where
    there is no drop folder.
    """
    if services.drops is None:
        raise SettingsError("set PILOTLIGHT_AWS__DROP_BUCKET to the bucket that this event is of")
    keys, failed = _read(event["Records"])
    failed |= _taken(services.drops, keys)
    return {"batchItemFailures": [{"itemIdentifier": one} for one in sorted(failed)]}


def _read(records: list[Mapping[str, Any]]) -> tuple[dict[str, list[str]], set[str]]:
    """Keys of objects by message, and messages that name none."""
    keys: dict[str, list[str]] = {}
    unread: set[str] = set()
    for record in records:
        try:
            keys[record["messageId"]] = _keys(record["body"])
        except InvalidInput as error:
            log("drop.unreadable", message=record["messageId"], error=str(error)[:_SHOWN])
            unread.add(record["messageId"])
    return keys, unread


def _keys(body: str) -> list[str]:
    try:
        said = json.loads(body)
    except ValueError:
        raise InvalidInput("the message is not JSON") from None
    if not isinstance(said, dict):
        raise InvalidInput("the message is not an object of JSON")
    if is_greeting(said):
        return []
    if not matches(said):
        raise InvalidInput("the message is not about an object that was created")
    return list(keys_in(said))


def _taken(drops: Drops, keys: Mapping[str, list[str]]) -> set[str]:
    """Take all of them at once; if that fails one by one, so that the messages that failed are
    known and the others are done.
    """
    if _done(drops, [key for some in keys.values() for key in some]):
        return set()
    return {message for message, some in keys.items() if not _done(drops, some)}


def _done(drops: Drops, keys: list[str]) -> bool:
    try:
        drops.hint(keys)
        drops.heed()
    except Exception:  # noqa: BLE001 - whatever one object does must not bring back the others
        failure("drop.failed")
        return False
    return True
