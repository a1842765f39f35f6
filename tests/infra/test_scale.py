"""SCALE.md is arithmetic: its figures are measured, and its tables are computed."""

from __future__ import annotations

from collections import Counter
from math import ceil

import pytest

from infra import scale
from pilotlight.adapters.aws import tables
from pilotlight.adapters.aws.rows import job_key
from pilotlight.adapters.aws.store import DynamoStore
from pilotlight.contracts import moves
from pilotlight.intake.groups.batches.ticket import MOST_LINES
from tests.celery.test_costs import MOST_PER_JOB, PER_JOB
from tests.contract.conftest import moto, moto_account
from tests.live import ROOT

__all__ = ["moto", "moto_account"]
PROMPT = '{"prompt": "' + "a lighthouse at dusk, oil on canvas, " * 6 + '"}'


def test_the_page_has_the_computed_tables():
    assert scale.tables() in (ROOT / "infra" / "SCALE.md").read_text()


def test_upkeep_ends_the_largest_batch_in_a_half_of_its_time(packaged):
    assert scale.batch_table() in (ROOT / "infra" / "SCALE.md").read_text()
    upkeep = packaged.properties("UpkeepLambdaFunction")
    assert upkeep["Timeout"] == scale.UPKEEP_S
    assert upkeep["MemorySize"] / 1769 == scale.UPKEEP_VCPUS
    assert scale.BATCH_LINES == MOST_LINES
    *_, ending, processor = (held for _, _, held in scale.batch())
    assert ending + processor < scale.UPKEEP_S / 2


def test_the_requests_of_a_job_are_those_that_are_counted():
    assert scale.REQUESTS == PER_JOB
    assert sum(scale.REQUESTS.values()) <= MOST_PER_JOB


def test_what_a_job_writes_is_what_its_row_and_its_indexes_take(moto, make_job, clock):
    """Each write costs the row's size, and one unit for each index entry that comes or goes."""
    store = DynamoStore(moto.calls, moto.table, moto.texts, workers=("echo",))
    read = Reader(moto)
    (created,) = store.create([make_job(input=PROMPT)])
    job = created.job
    units = read.units(job.id)
    held = {"lease_s": 60, "margin_s": 10}
    for move in (
        lambda job: moves.queued(job, due_at=clock.now() + 120),
        lambda job: moves.lease(owner="r1", now=clock.now(), **held),
        lambda job: moves.succeed(job, now=clock.now(), output='{"images": ["artifact:0"]}'),
    ):
        job = store.move(job.id, move(job))
        units += read.units(job.id)
    replicas_own_row = 1
    assert units + replicas_own_row == pytest.approx(scale.WRITE_UNITS, abs=3)
    assert max(read.moved[name] for name in ("ready", "running")) == scale.HOT_WRITES
    assert read.size == pytest.approx(scale.ROW_BYTES, rel=0.25)


class Reader:
    """What DynamoDB would charge for the write that just happened."""

    def __init__(self, stage):
        self._client, self._table = stage.account.other, stage.table
        self._before = {}
        self.size = 0
        self.moved = Counter()
        """Entries that came or went, by index."""

    def units(self, job_id):
        item = self._client.get_item(TableName=self._table, Key=job_key(job_id))["Item"]
        self.size = sum(len(name) + len(str(next(iter(v.values())))) for name, v in item.items())
        entries = {
            index.name: tuple(str(item[name]) for name in (index.partition, index.sort))
            for index in tables.INDEXES
            if index.partition in item and index.sort in item
        }
        moved = 0
        for name in {*entries, *self._before}:
            if entries.get(name) != self._before.get(name):
                change = (name in entries) + (name in self._before)
                self.moved[name] += change
                moved += change
        self._before = entries
        return ceil(self.size / 1024) + moved
