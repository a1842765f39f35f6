"""Large files on their way out where the ingress is a Lambda: past it, from their store itself."""

from __future__ import annotations

from starlette.responses import Response

from pilotlight.ports.blobs import BlobInfo, Blobs

MOST_BYTES = 6_000_000
"""What a Lambda hands on at full speed; the rest goes at 2 MB a second, and behind 200 MB not at all."""


def past_us(blobs: Blobs, info: BlobInfo, *, size: int) -> Response | None:
    """Where these ``size`` bytes of the file are to be had, if they should not pass through here.

    The same request is repeated there, its Range too. The URL is of this moment, so nobody keeps it.
    """
    url = blobs.direct_url(info) if size > MOST_BYTES else None
    if url is None:
        return None
    return Response(status_code=307, headers={"location": url, "cache-control": "no-store"})
