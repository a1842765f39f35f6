"""Computes the tables of SCALE.md: ``python -m infra.scale``. A test holds the page to it.

Prices are list prices of us-east-1 as they were known in 2025, in US dollars; nobody fetched them since.
To correct one: here for requests and bytes, in ``pilotlight/settings/aws.py`` for machines. What a job costs in requests is counted
by ``tests/celery/test_costs.py`` at a proxy, what a write moves by ``tests/infra/test_scale.py`` on
real rows; both fail when these figures are not theirs any more.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Final

from pilotlight.settings.aws import CostSettings

REGION: Final = "us-east-1"
RATES: Final = (10, 1_000, 100_000)
"""Jobs a minute."""
MINUTES: Final = 60 * 24 * 30

REQUESTS: Final = {
    "PutItem": 1,
    "UpdateItem": 4,
    "SendMessage": 1,
    "ReceiveMessage": 1,
    "DeleteMessage": 1,
}
"""Of one job through a warm replica."""
WRITE_UNITS: Final = 21
"""Of one job: its row and every index entry that a write moves, each of up to 1 KB."""
HOT_WRITES: Final = 2
"""Of these in one partition of an index by worker: a job comes to `ready` and goes."""
ROW_BYTES: Final = 900
"""A job with a prompt of 200 characters, when it has ended."""
POLLS: Final = 20
"""Status requests of one waiting client: fal's asks ten times a second at first; a job of some
seconds behind a warm replica."""
READ_UNITS_A_POLL: Final = 1
RESULT_BYTES: Final = 1_500_000
"""One PNG of a megapixel."""
REPLICA_SECONDS: Final = 6.0
"""Of a GPU for one such picture."""

PER_MILLION: Final = {
    "DynamoDB write unit": 0.625,
    "DynamoDB read unit": 0.125,
    "SQS request": 0.40,
    "Lambda request": 0.20,
    "S3 PUT": 5.00,
    "S3 GET": 0.40,
}
LAMBDA_GB_SECOND: Final = 0.0000166667
EGRESS_GB: Final = 0.09
S3_GB_MONTH: Final = 0.023
GPU: Final = "g6.xlarge"
GPU_HOUR: Final = CostSettings().hourly(REGION, GPU) or 0.0
"""By the table that ``pilotlight costs`` has too: prices of machines stand there alone."""
INGRESS_GB: Final = 1.0
SUBMIT_S: Final = 0.1
POLL_S: Final = 0.02

BATCH_LINES: Final = 50_000
"""The largest batch there is."""
BATCH_SENDS_A_LINE: Final = 2
"""Its message, and its row that says so."""
BATCH_SPREAD_A_LINE: Final = 0.08
BATCH_END_A_LINE: Final = 0.08
BATCH_FIXED: Final = 60
"""Requests besides, however many lines: counted by ``tests/celery/test_batch_costs.py``."""
BATCH_CPU_S_A_LINE: Final = 0.0008
"""Of one core, from a line's end to its line in the output file, with 2 KB of answer; measured."""
REQUEST_S: Final = 0.01
TRANSACTION_S: Final = 0.1
"""Of a hundred rows. Both are guesses on the safe side: DynamoDB answers in single milliseconds."""
LINES_A_TRANSACTION: Final = 99
AT_ONCE: Final = 16
UPKEEP_VCPUS: Final = 512 / 1769
"""Lambda gives a whole one to 1,769 MB."""
UPKEEP_S: Final = 900


@dataclass(frozen=True, slots=True)
class Part:
    """One line of the bill for a job, in US dollars."""

    name: str
    usd: float


def of_one_job() -> list[Part]:
    """Dearest last: the GPU."""
    million = {name: price / 1e6 for name, price in PER_MILLION.items()}
    sqs = sum(REQUESTS[name] for name in ("SendMessage", "ReceiveMessage", "DeleteMessage"))
    calls = 1 + POLLS + 1
    held = SUBMIT_S + (POLLS + 1) * POLL_S
    gigabytes = RESULT_BYTES / 1e9
    return [
        Part("SQS", sqs * million["SQS request"]),
        Part("DynamoDB, status polls", POLLS * READ_UNITS_A_POLL * million["DynamoDB read unit"]),
        Part("DynamoDB, writes", WRITE_UNITS * million["DynamoDB write unit"]),
        Part("Lambda", calls * million["Lambda request"] + held * INGRESS_GB * LAMBDA_GB_SECOND),
        Part("S3, kept 30 days", million["S3 PUT"] + million["S3 GET"] + gigabytes * S3_GB_MONTH),
        Part("egress of the result", gigabytes * EGRESS_GB),
        Part("GPU", REPLICA_SECONDS / 3600 * GPU_HOUR),
    ]


def load(rate: int) -> list[tuple[str, str]]:
    """What this many jobs a minute ask of each part, a second unless it says otherwise."""
    second = rate / 60
    return [
        ("submits", _number(second)),
        ("status polls", _number(second * POLLS)),
        ("DynamoDB write units", _number(second * WRITE_UNITS)),
        ("busiest partition of an index by worker, writes", _number(second * HOT_WRITES)),
        ("SQS messages", _number(second)),
        ("Lambda executions at a time", _number(second * (SUBMIT_S + POLLS * POLL_S))),
        ("the same if every call waits in `run`", _number(second * REPLICA_SECONDS)),
        ("GPUs busy", _number(second * REPLICA_SECONDS)),
        ("result egress, Gb/s", _number(second * RESULT_BYTES * 8 / 1e9)),
        ("rows kept 30 days, GB", _number(rate * MINUTES * ROW_BYTES / 1e9)),
    ]


def batch() -> list[tuple[str, float, float]]:
    """What upkeep does for the largest batch: requests, and seconds of a Lambda."""
    lines, moves = BATCH_LINES, BATCH_LINES / LINES_A_TRANSACTION
    sends = BATCH_SENDS_A_LINE * lines
    spread, end = (each * lines + BATCH_FIXED for each in (BATCH_SPREAD_A_LINE, BATCH_END_A_LINE))
    return [
        ("messages and their rows, 16 at a time", sends, sends * REQUEST_S / AT_ONCE),
        ("reading the file, adding lines", spread, _seconds(spread, moves)),
        ("counting ends, reading rows, writing files", end, _seconds(end, moves)),
        ("the processor for that", 0, lines * BATCH_CPU_S_A_LINE / UPKEEP_VCPUS),
    ]


def _seconds(requests: float, transactions: float) -> float:
    return (requests - transactions) * REQUEST_S + transactions * TRANSACTION_S


def batch_table() -> str:
    lines = ["| of 50,000 lines | requests | seconds of upkeep |", "|---|---|---|"]
    lines += [f"| {name} | {asked:,.0f} | {held:,.0f} |" for name, asked, held in batch()]
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if value < 1 else f"{value:.1f}"


def tables() -> str:
    """Both tables as they stand in SCALE.md."""
    parts = of_one_job()
    lines = [
        "| part | a job, US dollars | "
        + " | ".join(f"{r:,} a minute, a month" for r in RATES)
        + " |"
    ]
    lines.append("|---|---|" + "---|" * len(RATES))
    for part in [*parts, Part("**all**", sum(one.usd for one in parts))]:
        months = " | ".join(f"{part.usd * rate * MINUTES:,.0f}" for rate in RATES)
        lines.append(f"| {part.name} | {part.usd:.7f} | {months} |")
    lines += ["", "| a second | " + " | ".join(f"{r:,} a minute" for r in RATES) + " |"]
    lines.append("|---|" + "---|" * len(RATES))
    columns = [load(rate) for rate in RATES]
    for row in zip(*columns, strict=True):
        lines.append(f"| {row[0][0]} | " + " | ".join(value for _, value in row) + " |")
    return "\n".join(lines) + "\n"


def main() -> int:
    sys.stdout.write(f"{tables()}\n{batch_table()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
