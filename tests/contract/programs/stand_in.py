"""A replica without a model, started as a real one is: ``stand_in.py WORKER --replica ID ...``.

Its worker's name says how it behaves. It drains on SIGTERM and when its supervisor dies.
"""

from __future__ import annotations

import argparse
import os
import select
import signal
import subprocess
import sys


def quiet(args):
    """Says nothing; ends when told to."""
    wait_for_the_end(args)


def serves(args):
    """Reports its stages as a replica does."""
    report(args, "loading")
    report(args, "ready")
    wait_for_the_end(args)


def broken(args):
    sys.stderr.write("this worker has no weights\n")
    sys.exit(3)


def leaves(args):
    """Ends without an error and without ever having been ready."""


def says_why(args):
    """Reports its failure by itself, as a replica whose model cannot be loaded does."""
    report(args, "failed", error="the weights are of another model")
    sys.exit(1)


def stubborn(args):
    """Neither SIGTERM nor a dead supervisor moves it."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    report(args, "ready")
    signal.pause()


def with_child(args):
    """Has a child that outlives it unless somebody ends it."""
    child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    sys.stdout.write(f"child={child.pid}\n")
    sys.stdout.flush()
    report(args, "ready")
    signal.pause()


def report(args, stage, error=""):
    import time

    from pilotlight import settings
    from pilotlight.adapters.local.database import Database
    from pilotlight.adapters.local.roster import SqliteRoster

    database = Database(settings.load().data / "jobs.db")
    SqliteRoster(database).report(args.replica, stage, now=time.time(), error=error)
    database.close()


def wait_for_the_end(args):
    wake, told = os.pipe()
    signal.signal(signal.SIGTERM, lambda *_: os.write(told, b"."))
    select.select([wake, args.supervisor_fd], [], [])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("worker")
    parser.add_argument("--replica", required=True)
    parser.add_argument("--supervisor-fd", type=int, required=True)
    given = parser.parse_args()
    globals()[given.worker.replace("-", "_")](given)
