"""An upstream that speaks fal's queue: fal itself, a reseller, another Pilotlight.

Wire facts: ``POST /ID`` answers ``request_id``; below ``/OWNER/APP/requests/REQUEST`` are
``/status?logs=1``, ``/cancel`` and the result, which for a failed request is its error.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from workers.engines.relay.following import SUBMIT_S, Following, Look, Places
from workers.engines.relay.inputs import sendable
from workers.engines.relay.outputs import brought
from workers.engines.relay.refusals import Garbled

if TYPE_CHECKING:
    from collections.abc import Callable

    from pilotlight import Context
    from pilotlight.upstreams import Reply, Upstream

_NAMESPACES: Final = frozenset({"workflows", "comfy"})
"""Ids below these keep three segments where a request is found again, others two."""


def done(upstream: Upstream, context: Context, document: dict[str, Any]) -> Any:
    """The result of one job, its files brought here. Raises KeyMissing before anything is asked."""
    upstream.check()
    following = Following(upstream, context, places=places, read=_read)
    reply = following.result(lambda: _submit(following, document))
    if not isinstance(reply.document, dict):
        raise Garbled(f"{upstream.name} gave a result that is no JSON object")
    return brought(reply.document, context, upstream)


def _submit(following: Following, document: dict[str, Any]) -> Callable[[], Reply]:
    upstream, context = following.upstream, following.context
    # Files come back as files: whether the caller wants them inline is our dialect's to do.
    asked = {name: value for name, value in document.items() if name != "sync_mode"}
    asked, files = sendable(asked, context, upstream, following.ticket.files)
    following.ticket = replace(following.ticket, files=files)
    headers = following.headers()
    if context.timeout_s is not None:  # there too it is of no use later
        headers["X-Fal-Request-Timeout"] = str(float(context.timeout_s))
    return lambda: upstream.ask(
        "POST", f"/{following.name}", document=asked, headers=headers, within_s=SUBMIT_S
    )


def places(name: str, request_id: str) -> Places:
    parts = name.split("/")
    app = "/".join(parts[: 3 if parts[0] in _NAMESPACES else 2])
    base = f"/{app}/requests/{request_id}"
    return Places(f"{base}/status?logs=1", base, "PUT", f"{base}/cancel")


def _read(said: dict[str, Any]) -> Look:
    status, position, done = said.get("status"), said.get("queue_position"), said.get("progress")
    logs = said.get("logs")
    lines = [
        str(line.get("message", "")) if isinstance(line, dict) else ""
        for line in (logs if isinstance(logs, list) else [])
    ]
    waits = f", {position} before it," if status == "IN_QUEUE" and position else ""
    fraction = float(done) if isinstance(done, int | float) else 0.0
    return Look(status == "COMPLETED", fraction, f"{status}{waits}", lines)
