"""Run one replica of a worker: ``python -m workers NAME --replica ID``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pilotlight import bootstrap, settings
from pilotlight.errors import SettingsError
from pilotlight.observability import logs

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """The replica's exit code; 2 for a worker that is not there."""
    parser = argparse.ArgumentParser(prog="python -m workers", description=__doc__)
    parser.add_argument("worker", help="name of the worker, such as echo")
    parser.add_argument("--replica", help="id of this replica's row; else it makes one, on AWS")
    parser.add_argument("--data", type=Path, help="folder of the job table")
    parser.add_argument("--supervisor-fd", type=int, help="pipe that ends with the supervisor")
    args = parser.parse_args(argv)
    given = {"data": args.data} if args.data else {}
    try:
        loaded = settings.load(**given)
        logs.configure(loaded.log_level)
        replica = bootstrap.replica(
            loaded, args.worker, args.replica, supervisor_fd=args.supervisor_fd
        )
    except (SettingsError, settings.BadSettings) as error:
        parser.exit(2, f"{error}\n")
    return replica.run()


if __name__ == "__main__":
    sys.exit(main())
