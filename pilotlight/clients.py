"""Point the stock ``fal_client`` at a Pilotlight over plain HTTP::

    from pilotlight.clients import connect_fal

    connect_fal("http://127.0.0.1:8000")
    fal_client.submit("pilotlight/echo", arguments={"text": "hi"})

Over TLS no code is needed but for uploads: fal_client reads ``FAL_RUN_HOST`` and
``FAL_QUEUE_RUN_HOST``, but it puts ``https://`` before them. This sets the five module globals it
builds its URLs from, and two that say from which size on a file goes up in parts; it reads them at
every call (fal-client 1.0.3). The key still comes from ``FAL_KEY``.
"""

from __future__ import annotations

import importlib
from typing import Final
from urllib.parse import urlsplit

from pilotlight.errors import SettingsError

_GLOBALS: Final = {
    "RUN_URL_FORMAT": "{base}/run/",
    "QUEUE_URL_FORMAT": "{base}/queue/",
    "REALTIME_URL_FORMAT": "{socket}/run/",
    "REST_URL": "{base}/rest",
    "CDN_URL": "{base}/cdn",
}
_SIZES: Final = ("MULTIPART_THRESHOLD", "MULTIPART_CHUNK_SIZE")
PART_BYTES: Final = 4 * 1024 * 1024
"""fal_client sends 100 MiB in one POST, then parts of 10 MiB. A Lambda's URL takes 6 MB of a body in
base64, 4.5 of a file's own bytes, and presigned URLs of S3 refuse the key that it sends along."""


def connect_fal(url: str) -> None:
    """Send everything fal_client does to the Pilotlight at ``url``, from now on, in this process.

    Call it before the first upload: fal_client remembers where a token came from. Raises
    SettingsError when ``url`` is no http(s) URL, when fal_client is not installed, and when its
    release has no such globals.
    """
    base = url.rstrip("/")
    parts = urlsplit(base)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query:
        raise SettingsError(f"{url!r} is no URL of a Pilotlight, such as http://127.0.0.1:8000")
    try:
        client = importlib.import_module("fal_client.client")
    except ModuleNotFoundError:
        raise SettingsError("fal_client is not installed; run: pip install fal-client") from None
    missing = [name for name in (*_GLOBALS, *_SIZES) if not hasattr(client, name)]
    if missing:
        raise SettingsError(f"this release of fal_client has no {', '.join(missing)}; use 1.0.3")
    socket = "ws" + base.removeprefix("http")
    for name, form in _GLOBALS.items():
        setattr(client, name, form.format(base=base, socket=socket))
    for name in _SIZES:
        setattr(client, name, PART_BYTES)
