"""The real fal client, led by its environment alone: ``... caller ENDPOINT ARGUMENTS [WEBHOOK]``.

Arguments are JSON, and so is what came back, on standard output. The environment says where:
``FAL_KEY``, ``FAL_QUEUE_RUN_HOST``, and the way through the edge.
"""

from __future__ import annotations

import json
import sys

import fal_client


def main() -> int:
    endpoint, arguments, *more = sys.argv[1:]
    handle = fal_client.submit(
        endpoint, json.loads(arguments), webhook_url=more[0] if more else None
    )
    json.dump({"request_id": handle.request_id, "output": handle.get()}, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
