"""Bare reference without Redis, worker: takes one row after another."""

from __future__ import annotations

import sys

from pilotlight.adapters.local.clock import SystemClock
from tests.bench.references.contract import Input
from tests.bench.references.sqlite_jobs import LOOK_S, connect


def main(path: str) -> None:
    jobs = connect(path)
    clock = SystemClock()
    while True:
        row = jobs.execute("SELECT seq, input FROM job WHERE text IS NULL ORDER BY seq").fetchone()
        if row is None:
            clock.sleep(LOOK_S)
            continue
        seq, job_input = row
        text = Input.model_validate_json(job_input).text
        jobs.execute("UPDATE job SET text = ? WHERE seq = ?", (text, seq))


if __name__ == "__main__":
    main(sys.argv[1])
