"""``python -m tests.sim soak|mutants|replay``: the long runs, and one seed again in full."""

from __future__ import annotations

import argparse
import sys

from tests.sim import hunt, soak


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.sim")
    commands = parser.add_subparsers(dest="command", required=True)
    long = commands.add_parser("soak", help="many seeds; writes build/soak.json")
    long.add_argument("--seeds", type=int, default=1000)
    long.add_argument("--jobs", type=int, default=1000)
    long.add_argument("--first", type=int, default=0, help="number of the first seed")
    long.add_argument("--processes", type=int, default=2)
    guards = commands.add_parser("mutants", help="guards removed; writes build/mutants.json")
    guards.add_argument("--processes", type=int, default=2)
    again = commands.add_parser("replay", help="one seed, its last lines, its hash")
    again.add_argument("seed", type=int)
    again.add_argument("jobs", type=int)
    again.add_argument("--lines", type=int, default=40)
    given = parser.parse_args()
    if given.command == "replay":
        return soak.replay(given.seed, given.jobs, lines=given.lines)
    if given.command == "mutants":
        return hunt.hunt_all(processes=given.processes)
    seeds = range(given.first, given.first + given.seeds)
    return soak.soak(seeds, given.jobs, processes=given.processes)


if __name__ == "__main__":
    sys.exit(main())
