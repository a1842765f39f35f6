"""Publish a worker's weights: ``python -m infra.weights NAME FOLDER --bucket BUCKET``.

FOLDER is what the worker loads from; a model hub's cache (``models--owner--name``) works as it is,
and tells which commit it holds: one that the worker's file pins has to be there.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pilotlight import catalogue, settings
from pilotlight.adapters.aws.clients import Clients
from pilotlight.adapters.aws.prefetch import Weights
from pilotlight.errors import PilotlightError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_CACHED: Final = "models--"
"""How a hub's cache calls the folder of ``owner/name``: ``models--owner--name``; below it is
``snapshots/COMMIT``, https://huggingface.co/docs/huggingface_hub/guides/manage-cache."""


class WrongCommit(Exception):
    """What would be published is not what the worker loads; with the way out."""


def commits(folder: Path) -> dict[str, list[str]]:
    """Every repository that a hub's cache holds, with its commits; nothing for a plain folder."""
    found = {}
    for snapshots in sorted(folder.resolve().rglob("snapshots")):
        name = snapshots.parent.name
        if name.startswith(_CACHED):
            repo = name.removeprefix(_CACHED).replace("--", "/", 1)
            found[repo] = sorted(one.name for one in snapshots.iterdir() if one.is_dir())
    return found


def judged(weights: Mapping[str, str], found: Mapping[str, list[str]]) -> Iterator[str]:
    """A line about each repository. ``weights``: those of the worker, with the commit it loads.

    Raises WrongCommit for one that is there at another commit only.
    """
    for repo in sorted({*weights, *found}):
        wanted, there = weights.get(repo, ""), found.get(repo, [])
        if wanted and there and wanted not in there:
            way_out = f"hf download {repo} --revision {wanted}"
            raise WrongCommit(
                f"the worker loads {repo} at {wanted}, and here it is at {', '.join(there)}: {way_out}"
            )
        if found and not there:
            yield f"{repo}: not in this folder; the worker cannot load it in a container"
        elif wanted:
            yield f"{repo} at {wanted}, as the worker's file pins it"
        elif there:
            took = " or ".join(there)
            yield f"{repo}: revision not pinned; to keep it, write {took} into the worker's file"
        else:
            yield f"{repo}: revision not pinned, and this is no hub's cache that tells a commit"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.weights", description=__doc__)
    parser.add_argument("worker")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--bucket", required=True, help="pilotlight-STAGE-weights-ACCOUNT")
    asked = parser.parse_args()
    if not asked.folder.is_dir():
        parser.exit(2, f"{asked.folder} is no folder\n")
    loaded = settings.load()
    try:
        for line in judged(_loads(loaded.workers, asked.worker), commits(asked.folder)):
            sys.stdout.write(f"{line}\n")
    except WrongCommit as error:
        parser.exit(2, f"{error}\n")
    aws = loaded.aws
    clients = Clients(region=aws.region, endpoint_url=aws.endpoint_url, emulated=aws.emulated)
    published = Weights(clients.s3(), asked.bucket, asked.worker, Path()).publish(asked.folder)
    size = sum(one.bytes for one in published.files)
    sys.stdout.write(f"{len(published.files)} files, {size / 1024**3:.2f} GiB\n")
    return 0


def _loads(packages: tuple[str, ...], worker: str) -> Mapping[str, str]:
    """What its file says; nothing where it is not at hand, which need not stop who publishes."""
    try:
        return catalogue.find(packages, worker).spec.weights
    except PilotlightError as error:
        sys.stderr.write(f"nothing is known of its revisions: {error}\n")
        return {}


if __name__ == "__main__":
    sys.exit(main())
