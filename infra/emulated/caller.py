"""The real fal client, led by its environment alone: ``python -m infra.emulated.caller ENDPOINT``.

Standard input is the arguments as JSON, standard output what came back. The environment says
where: ``FAL_KEY``, ``FAL_QUEUE_RUN_HOST``, and the way through the edge.
"""

from __future__ import annotations

import json
import sys

import fal_client


def main() -> int:
    endpoint, *more = sys.argv[1:]
    handle = fal_client.submit(
        endpoint, json.load(sys.stdin), webhook_url=more[0] if more else None
    )
    json.dump({"request_id": handle.request_id, "output": handle.get()}, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
