"""Webhooks where rows themselves wake a Lambda: the stream of the job table, and each minute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from handlers import source
from handlers.announcements import Announcer, Renderer
from handlers.dialect import found
from pilotlight import bootstrap
from pilotlight.bootstrap.ingress import Services
from pilotlight.delivery.dispatcher import Dispatcher

_TRIES: Final = 5
_PAUSE_S: Final = 0.3
"""The index of webhooks shows a row a moment after the stream does."""
_MARGIN_S: Final = 5.0


def dispatcher(services: Services) -> Dispatcher:
    """Raises SettingsError when a dialect or a source breaks the rules of the scan."""
    announcers: dict[str, Announcer] = {**found(), **source.found()}
    base_url = (services.settings.ingress.public_url or "").rstrip("/")
    return bootstrap.dispatcher(services, Renderer(services.control, announcers, base_url=base_url))


def dispatch(
    services: Services, dispatcher: Dispatcher, event: Mapping[str, Any], *, within_s: float
) -> int:
    """Post what is due and settle it; how many postings began.

    What is not settled when the time is over is posted again by whoever comes next.
    """
    clock = services.clock
    rows = due_rows(event, now=clock.now())
    if rows is not None and not rows:
        return 0  # a change of a row whose webhook is under way, or is due later
    ends_at = clock.monotonic() + within_s - _MARGIN_S
    begun, looks = 0, 0
    while clock.monotonic() < ends_at:
        fresh = dispatcher(clock.now())
        dispatcher.finish(max(0.0, ends_at - clock.monotonic()))
        begun, looks = begun + fresh, looks + 1
        if not fresh and (begun >= len(rows or ()) or looks >= _TRIES):
            break
        if not fresh:
            clock.sleep(_PAUSE_S)
    return begun


def due_rows(event: Mapping[str, Any], *, now: float) -> list[str] | None:
    """Of the stream's records the rows whose webhook is due; None when a timer asks."""
    if "Records" not in event:
        return None
    images = [record.get("dynamodb", {}).get("NewImage", {}) for record in event["Records"]]
    return [
        image["pk"]["S"]
        for image in images
        if "webhook_due" in image and float(image["webhook_due"]["N"]) <= now
    ]
