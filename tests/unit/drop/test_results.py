"""What is written beside a dropped file, and of which of its versions."""

from __future__ import annotations

import json
import sqlite3

from pilotlight.contracts.job import NO_TEXT
from pilotlight.intake.groups.batches.ticket import ENDPOINT
from pilotlight.intake.groups.steward import MOST_OPEN
from tests.unit.drop.house import ECHO, FULL


def test_a_file_that_is_replaced_while_it_runs_runs_again_and_its_new_result_counts(house):
    house.put(f"{ECHO}/a.json", {"text": "old"})
    house.look()
    (old,) = house.jobs()
    house.put(f"{ECHO}/a.json", {"text": "newer"})
    house.look()
    new = next(job for job in house.jobs() if job.id != old.id)

    house.run(new, "new")
    house.look(1)
    house.run(old, "old")
    house.look(1)

    assert house.output(f"{ECHO}/a.json.result.json") == "new"
    assert house.drops.ledger.counts() == (2, 0)


class Backwards:
    """A ledger in which of two versions the older one was written down last."""

    def __init__(self, ledger):
        self._ledger = ledger

    def __getattr__(self, name):
        return getattr(self._ledger, name)

    def newest(self, _key):
        return min(self._ledger.pending(limit=10), key=lambda one: one.job_id).id


def test_of_two_versions_that_were_taken_at_once_the_one_that_lies_there_counts(house):
    house.put(f"{ECHO}/a.json", {"text": "old"})
    house.look()
    (old,) = house.jobs()
    house.put(f"{ECHO}/a.json", {"text": "newer"})
    house.look()
    new = next(job for job in house.jobs() if job.id != old.id)
    house.drops.ledger = Backwards(house.drops.ledger)

    house.run(new, "new")
    house.look(1)
    house.run(old, "old")
    house.look(1)

    assert house.output(f"{ECHO}/a.json.result.json") == "new"


def test_a_result_is_written_though_nobody_said_that_the_job_ended(house):
    house.put(f"{ECHO}/a.json")
    house.look()
    house.run(house.jobs()[0], told=False)

    house.look(12)

    assert house.output(f"{ECHO}/a.json.result.json") == "done"


def test_a_result_that_cannot_be_written_stops_neither_others_nor_what_comes_in(house, tmp_path):
    house.put(f"{ECHO}/broken.json")
    house.look()
    (broken,) = house.jobs()
    house.run(broken)
    with sqlite3.connect(tmp_path / "jobs.db") as rows:
        rows.execute("UPDATE job SET output = '{' WHERE id = ?", (broken.id,))
    rows.close()
    house.put(f"{ECHO}/later.json")
    house.look()
    (later,) = (job for job in house.jobs() if job.id != broken.id)
    house.run(later)
    house.look(1)

    assert house.output(f"{ECHO}/later.json.result.json") == "done"
    assert house.drops.ledger.counts() == (2, 1)


def test_an_output_that_is_not_kept_any_more_is_not_told_as_nothing(house, tmp_path):
    house.put(f"{ECHO}/a.json")
    house.look()
    (job,) = house.jobs()
    house.run(job, told=False)
    with sqlite3.connect(tmp_path / "jobs.db") as rows:
        rows.execute("UPDATE job SET output = ? WHERE id = ?", (NO_TEXT, job.id))
    rows.close()
    house.drops.changed([job.id])
    house.look(1)

    (said,) = house.results.rglob("a.json.*")
    assert "not kept any more" in json.loads(said.read_text())["error"]["message"]


def test_lines_that_never_became_jobs_are_counted_as_what_their_manifest_was(house):
    count = MOST_OPEN + 300
    house.put(f"{ECHO}/m.jsonl").write_text('{"text": "a"}\n' * count)
    house.look()
    house.tend()
    (head,) = (job for job in house.store.list_jobs(limit=FULL) if job.endpoint == ENDPOINT)

    house.services.control.cancel(head.id, caller=head.caller)
    house.tend()
    house.look(12)

    said = json.loads((house.results / f"{ECHO}/m.jsonl.results/_summary.json").read_text())
    assert said["counts"] == {
        "total": count, "succeeded": 0, "failed": 0, "cancelled": count, "expired": 0,
    }  # fmt: skip
