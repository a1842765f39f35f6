"""An ordinary fal program, as a customer of yours may have it. It knows nothing of Pilotlight.

Four environment variables lead it here: FAL_RUN_HOST, FAL_QUEUE_RUN_HOST, SSL_CERT_FILE, FAL_KEY.

    python -m demo.customer ENDPOINT PROMPT WEBHOOK FOLDER
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import fal_client
import httpx


def main(endpoint: str, prompt: str, webhook: str, folder: Path) -> None:
    """Print the request's id at once, and the name of the picture at the end."""
    wish = {"prompt": prompt, "enable_safety_checker": False}
    handle = fal_client.submit(endpoint, wish, webhook_url=webhook)
    print(handle.request_id, flush=True)  # noqa: T201 - an ordinary script
    image = handle.get()["images"][0]
    folder.mkdir(exist_ok=True)
    words = re.sub(r"[^a-z0-9]+", "-", prompt.lower()).strip("-")[:40]
    picture = folder / f"{words}-{handle.request_id[-6:]}.png"
    picture.write_bytes(httpx.get(image["url"]).raise_for_status().content)
    print(picture, flush=True)  # noqa: T201 - an ordinary script


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4]))
