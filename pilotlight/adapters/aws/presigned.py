"""Presigned URLs: callers and S3 speak to each other, and no byte passes through us.

Each carries one of our own grants as a query parameter. S3 ignores parameters that begin with
``x-`` but signs them like the rest, so the grant cannot be taken off; and we know the URL as ours
when a caller gives it back as an input, whatever credentials signed it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, quote, urlsplit

from pilotlight.adapters.aws.cards import object_name
from pilotlight.adapters.grants import Own, own

if TYPE_CHECKING:
    from pilotlight.adapters.aws.objects import Bucket
    from pilotlight.adapters.grants import Grants

LONGEST_S: Final = 24 * 3600.0
"""Reliability section 4.3: an hour as a rule, a day at most."""
_PARAMETER: Final = "x-pilotlight"
_PASSED: Final = "PilotlightGrant"


class Presigner:
    def __init__(self, bucket: Bucket, grants: Grants) -> None:
        self._bucket, self._grants = bucket, grants
        events = bucket.s3.meta.events
        for operation in ("GetObject", "PutObject"):
            # By id, because several of us may share one client.
            take, add = f"provide-client-params.s3.{operation}", f"before-sign.s3.{operation}"
            events.register(take, _take, unique_id=f"pilotlight-take-{operation}")
            events.register(add, _add, unique_id=f"pilotlight-add-{operation}")

    def get(self, key: str, *, now: float, seconds: float, file_name: str) -> str:
        """To read; whoever opens it in a browser gets a download, never a page of ours."""
        name = quote(file_name or "file", safe="")
        more = {"ResponseContentDisposition": f"attachment; filename*=UTF-8''{name}"}
        return self._url("get_object", key, now=now, seconds=seconds, more=more)

    def put(self, key: str, *, now: float, seconds: float, content_type: str | None = None) -> str:
        """To write this one object, of exactly this type if one is given."""
        more = {"ContentType": content_type} if content_type else {}
        return self._url("put_object", key, now=now, seconds=seconds, more=more)

    def _url(
        self, method: str, key: str, *, now: float, seconds: float, more: dict[str, str]
    ) -> str:
        seconds = min(seconds, LONGEST_S)
        write = method == "put_object"
        grant = self._grants.url(key, base_url="", write=write, expires_at=now + seconds)
        params = {
            "Bucket": self._bucket.name,
            "Key": object_name(key),
            _PASSED: grant,
            **more,
        }
        return self._bucket.s3.generate_presigned_url(method, params, ExpiresIn=int(seconds))


def own_presigned(url: str) -> Own | None:
    """The grant inside a presigned URL of ours; nothing is checked yet."""
    found = parse_qs(urlsplit(url).query).get(_PARAMETER)
    return own(found[0]) if found else None


def _take(params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
    """Our parameter is none that S3's model knows: keep it for the signing."""
    if _PASSED in params:
        context[_PARAMETER] = params.pop(_PASSED)


def _add(request: Any, **_: object) -> None:
    grant = request.context.get(_PARAMETER)
    if grant is not None:
        request.params = {**(request.params or {}), _PARAMETER: grant}
