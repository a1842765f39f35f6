"""Publish a worker's weights: ``python -m infra.weights NAME FOLDER --bucket BUCKET``.

FOLDER is what the worker loads from; a model hub's cache (``models--owner--name``) works as it is.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pilotlight import settings
from pilotlight.adapters.aws.clients import Clients
from pilotlight.adapters.aws.prefetch import Weights


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.weights", description=__doc__)
    parser.add_argument("worker")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--bucket", required=True, help="pilotlight-STAGE-weights-ACCOUNT")
    asked = parser.parse_args()
    if not asked.folder.is_dir():
        parser.exit(2, f"{asked.folder} is no folder\n")
    aws = settings.load().aws
    clients = Clients(region=aws.region, endpoint_url=aws.endpoint_url, emulated=aws.emulated)
    published = Weights(clients.s3(), asked.bucket, asked.worker, Path()).publish(asked.folder)
    size = sum(one.bytes for one in published.files)
    sys.stdout.write(f"{len(published.files)} files, {size / 1024**3:.2f} GiB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
