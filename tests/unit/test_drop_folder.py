"""What is taken from a drop folder and when, with a clock that is moved by hand."""

from __future__ import annotations

import json
import os
import random
import sqlite3
from dataclasses import replace

import pytest

from handlers import lambda_drop
from handlers.sources import s3_drop
from pilotlight import bootstrap
from pilotlight.contracts import moves
from pilotlight.contracts.job import NO_TEXT, JobStatus
from pilotlight.intake.drop import settling, taking
from pilotlight.intake.groups.batches.ticket import ENDPOINT
from pilotlight.intake.groups.steward import MOST_OPEN
from pilotlight.settings import load
from tests.dialects.stage import services_in

ECHO = "pilotlight/echo"
FULL = 10_000


@pytest.fixture
def house(tmp_path, clock):
    with services_in(tmp_path, clock, workers=("workers",)) as services:
        yield House(services, tmp_path, clock)


class House:
    def __init__(self, services, data, clock):
        self.services, self.clock = services, clock
        self.drop, self.results = data / "drop", data / "drop-results"
        self.store, self.drops = services.store, services.drops

    def put(self, key, content=None):
        path = self.drop / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"text": key} if content is None else content))
        return path

    def look(self, times=2):
        """Steps that lie further apart than a file takes to settle."""
        for _ in range(times):
            self.drops.step()
            self.clock.sleep(3)

    def tend(self):
        """The steward, until nothing is due."""
        for _ in range(10):
            self.services.steward(self.clock.now())
            self.clock.sleep(1)

    def jobs(self):
        return [job for job in self.store.list_jobs(limit=FULL) if job.endpoint == ECHO]

    def run(self, job, text="done", *, told=True):
        now = self.clock.now()
        held = self.store.move(job.id, moves.lease(owner="r", now=now, lease_s=60, margin_s=10))
        output = json.dumps({"text": text})
        assert self.store.move(job.id, moves.succeed(held, now=now, output=output))
        if told:
            self.drops.changed([job.id])

    def output(self, name):
        return json.loads((self.results / name).read_text())["output"]["text"]


def test_a_file_is_taken_when_it_has_not_changed_for_the_settle_time(house):
    path = house.put(f"{ECHO}/a.json")
    house.drops.step()
    house.clock.sleep(1.5)
    path.write_text('{"text": "longer than before"}')
    house.drops.step()
    house.clock.sleep(1.5)
    house.drops.step()
    assert house.jobs() == []

    house.clock.sleep(1)
    house.drops.step()

    (job,) = house.jobs()
    assert json.loads(job.input) == {"text": "longer than before"}


def test_a_file_that_was_taken_is_not_taken_again_by_whoever_looks(house, tmp_path, clock):
    house.put(f"{ECHO}/a.json")
    house.look(4)
    house.run(house.jobs()[0])
    house.look(2)
    house.store.purge(now=clock.now() + 90 * 24 * 3600)

    again = bootstrap.services(load(data=tmp_path, workers=("workers",)), clock=clock)
    try:
        other = House(again, tmp_path, clock)
        other.look(4)
        assert other.jobs() == []
    finally:
        again.close()


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


class Full:
    """A folder with no room for what one of its files comes to."""

    def __init__(self, folder, poison):
        self._folder, self._poison, self.asked = folder, poison, 0

    def __getattr__(self, name):
        return getattr(self._folder, name)

    def read(self, dropped):
        if dropped.key == self._poison:
            self.asked += 1
            raise OSError("No space left on device")
        return self._folder.read(dropped)


def test_a_file_that_cannot_be_taken_keeps_none_of_the_others_back(house):
    for name in ("a", "poison", "z"):
        house.put(f"{ECHO}/{name}.json")
    full = Full(house.drops.folder, f"{ECHO}/poison.json")
    house.drops.taking.wishes.shaping = replace(house.drops.taking.wishes.shaping, folder=full)
    house.look(4)
    assert sorted(json.loads(job.input)["text"] for job in house.jobs()) == [
        f"{ECHO}/a.json", f"{ECHO}/z.json",
    ]  # fmt: skip

    tried = full.asked
    house.look(4)
    assert full.asked == tried  # not each second
    house.drops.taking.wishes.shaping = replace(
        house.drops.taking.wishes.shaping, folder=house.drops.folder
    )
    house.look(30)
    assert len(house.jobs()) == 3


def test_files_that_are_renamed_before_they_settle_are_forgotten(house, monkeypatch):
    """A program that writes under another name first, for ever: it must not fill the memory of
    what is being watched, in which nothing else would have room."""
    monkeypatch.setattr(settling, "MOST_WATCHED", 5)
    for n in range(12):
        house.put(f"{ECHO}/{n}.json.upload").rename(house.drop / f"{ECHO}/{n}.upload")
        house.look(1)
        (house.drop / f"{ECHO}/{n}.upload").rename(house.drop / f"{ECHO}/{n}.json")
        house.look(2)

    assert len(house.jobs()) == 12
    assert house.drops.taking.unsettled == 0


class Killed(BaseException):
    """As a Lambda is whose time is over: nothing of ours catches it."""


class Slow:
    """A folder whose films take so long that whoever copies them lives for a few only."""

    def __init__(self, folder, lives_for):
        self._folder, self._left = folder, lives_for

    def __getattr__(self, name):
        return getattr(self._folder, name)

    def read(self, dropped):
        self._left -= 1
        if self._left < 0:
            raise Killed
        return self._folder.read(dropped)


def test_whoever_dies_in_the_middle_of_many_films_has_taken_those_before(house, monkeypatch):
    """Ten at a time, of gigabytes each: none would ever be done with if only all of them counted."""
    monkeypatch.setattr(taking, "MOST_COPIED", 1)
    keys = [f"{ECHO}/{n}.json" for n in range(10)]
    for key in keys:
        house.put(key)
    shaping = house.drops.taking.wishes.shaping
    house.drops.taking.wishes.shaping = replace(shaping, folder=Slow(house.drops.folder, 4))
    with pytest.raises(Killed):
        house.drops.taking(map(house.drops.folder.look, keys), room=100, settled=True)

    assert len(house.jobs()) == 4
    house.drops.taking.wishes.shaping = replace(shaping, folder=Slow(house.drops.folder, 6))
    house.drops.taking(map(house.drops.folder.look, keys), room=100, settled=True)
    assert len(house.jobs()) == 10


def test_a_listing_copies_so_much_and_leaves_the_rest_to_the_next(house, monkeypatch):
    monkeypatch.setattr(taking, "MOST_COPIED", 1)
    monkeypatch.setattr(taking, "MOST_LISTED", 100)
    for n in range(10):
        house.put(f"{ECHO}/{n}.json", {"text": "x" * 39})

    house.look(3)
    assert len(house.jobs()) == 2 * 2
    house.look(4)

    assert len(house.jobs()) == 10


class Asked:
    """A ledger that says how many versions it was asked for."""

    def __init__(self, ledger):
        self._ledger, self.count = ledger, 0

    def __getattr__(self, name):
        return getattr(self._ledger, name)

    def known(self, ids):
        self.count += len(ids)
        return self._ledger.known(ids)


def test_the_ledger_is_asked_once_for_what_lies_there_for_a_month(house):
    for n in range(20):
        house.put(f"{ECHO}/{n}.json")
    house.look(4)
    house.drops.taking.ledger = ledger = Asked(house.drops.taking.ledger)

    house.look(10)

    assert ledger.count <= 20
    assert len(house.jobs()) == 20


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


def test_files_that_are_being_written_and_what_lies_aside_are_no_jobs(house):
    for name in (
        ".hidden.json", "a.json.part", "b.json.tmp", "c.json~", "d.json.filepart", "_defaults.json",
        ".stversions/e.json", ".git/config", "~$f.docx", "Thumbs.db", "desktop.ini",
    ):  # fmt: skip
        house.put(f"{ECHO}/{name}")

    house.look(4)

    assert house.jobs() == []
    assert not house.results.exists()


def test_the_mark_that_windows_begins_a_text_with_is_no_part_of_an_input(house):
    house.put(f"{ECHO}/a.json").write_bytes(b'\xef\xbb\xbf{"text": "hi"}')

    house.look()

    assert [json.loads(job.input) for job in house.jobs()] == [{"text": "hi"}]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("\n\n", "the file has no lines"),
        ('{"text": "a"}\n\n[]\n{', "line 3: this line is not a JSON object (and 1 more)"),
        (
            '{"custom_id": "a"}\n{"custom_id": "a"}',
            "line 2: 'a' is the custom_id of an earlier line too",
        ),
    ],
    ids=["blank", "bad lines", "one custom id twice"],
)
def test_a_manifest_that_cannot_be_read_says_where_and_why(house, text, says):
    house.put(f"{ECHO}/m.jsonl").write_text(text)
    house.look()
    house.tend()
    house.look(12)

    said = json.loads((house.results / f"{ECHO}/m.jsonl.error.json").read_text())
    assert said["error"]["message"] == says


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


HOSTILE = [
    "a..b/x.json", "a b\n\t'\"$(rm -rf ~).json", "%2e%2e%2fetc.json", "ünï☃.json",
    "-rf.json", "x" * 200 + "/" + "y" * 240 + ".json", "con.json", "a;b|c&d.json",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_only_a_name(house, name):
    house.put(f"{ECHO}/{name}", {"text": "fine"})
    house.look()

    (job,) = house.jobs()
    house.run(job)
    house.look(1)

    written = [path for path in house.results.rglob("*") if path.is_file()]
    assert [json.loads(path.read_text())["output"] for path in written] == [{"text": "done"}]


def test_a_name_that_is_not_utf_8_is_a_name_too(house):
    folder = house.drop / ECHO
    folder.mkdir(parents=True)
    (folder / os.fsdecode(b"\xff\xfe.json")).write_text('{"text": "x"}')

    house.look()
    (job,) = house.jobs()
    house.run(job)
    house.look(1)

    (written,) = (house.results / ECHO).iterdir()
    assert os.fsencode(written.name) == b"\xff\xfe.json.result.json"


def test_links_are_not_followed(house, tmp_path):
    secret = tmp_path / "secret.json"
    secret.write_text('{"text": "secret"}')
    (house.drop / ECHO).mkdir(parents=True)
    (house.drop / ECHO / "a.json").symlink_to(secret)
    (house.drop / ECHO / "folder").symlink_to(tmp_path)
    os.mkfifo(house.drop / ECHO / "pipe.json")

    house.look(4)
    house.drops.hint([f"{ECHO}/a.json", f"{ECHO}/folder/secret.json", "../secret.json", "\0"])
    house.look(4)

    assert house.jobs() == []


def event(key):
    record = {"eventSource": "aws:s3", "s3": {"object": {"key": f"drop/{key}"}}}
    return {"Records": [record]}


@pytest.mark.parametrize(
    "count", [300, pytest.param(FULL, marks=pytest.mark.slow)], ids=["some", "ten thousand"]
)
def test_each_object_is_one_job_though_events_are_lost_and_doubled(house, count):
    """5 % of the events are lost, 5 % come twice; the listing finds the rest."""
    rng, keys = random.Random(57), [f"{ECHO}/{n % 10}/{n}.json" for n in range(count)]
    for key in keys:
        house.put(key)
    told = [key for key in keys if rng.random() >= 0.05]
    told += [key for key in told if rng.random() < 0.05]
    rng.shuffle(told)

    while len(house.jobs()) < count or house.drops.ledger.counts()[1]:
        for key in told[:100]:
            house.drops.hint(s3_drop.keys_in(event(key)))
        told = told[100:]
        house.look(1)
        for job in house.jobs():
            if not job.status.is_terminal:
                house.run(job)

    house.look(3)
    jobs = house.jobs()
    assert len(jobs) == count
    assert {job.status for job in jobs} == {JobStatus.SUCCEEDED}
    assert {json.loads(job.input)["text"] for job in jobs} == set(keys)
    assert house.drops.ledger.counts() == (count, 0)
    assert len(list(house.results.rglob("*.result.json"))) == count


def told(*bodies):
    """As SQS hands them to a Lambda."""
    return {
        "Records": [
            {"eventSource": "aws:sqs", "messageId": f"m{number}", "body": text}
            for number, text in enumerate(bodies)
        ]
    }


def failed(answer):
    return [one["itemIdentifier"] for one in answer["batchItemFailures"]]


def test_a_lambda_takes_what_a_queue_says_and_names_what_nobody_can_read(house):
    house.put(f"{ECHO}/a b.json")
    house.put(f"{ECHO}/c.json")
    greeting = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "acme-drop"}
    removed = event(f"{ECHO}/c.json")
    removed["Records"][0]["eventName"] = "ObjectRemoved:Delete"
    messages = told(
        json.dumps(event(f"{ECHO}/a+b.json")),
        "not JSON",
        json.dumps(greeting),
        json.dumps({"source": "aws.ec2"}),
        json.dumps({"Records": [{"eventSource": "aws:s3", "s3": {}}]}),
        json.dumps(removed),
        "[]",
        json.dumps(event(f"{ECHO}/c.json")),
        json.dumps(event(f"{ECHO}/gone.json")),
    )

    for _ in range(3):
        answer = lambda_drop.take(house.services, messages)
        assert failed(answer) == ["m1", "m3", "m4", "m5", "m6"]
        house.clock.sleep(3)

    assert sorted(json.loads(job.input)["text"] for job in house.jobs()) == [
        f"{ECHO}/a b.json", f"{ECHO}/c.json",
    ]  # fmt: skip


class Torn:
    """A folder in which one object cannot be looked at, whatever is tried."""

    def __init__(self, folder, poison):
        self._folder, self._poison = folder, poison

    def __getattr__(self, name):
        return getattr(self._folder, name)

    def look(self, key):
        if key == self._poison:
            raise OSError("torn")
        return self._folder.look(key)


def test_one_object_that_cannot_be_taken_brings_back_its_own_message_only(house):
    keys = [f"{ECHO}/{n}.json" for n in range(4)]
    for key in keys:
        house.put(key)
    house.drops.folder = Torn(house.drops.folder, keys[1])
    messages = told(*(json.dumps(event(key)) for key in keys))

    for _ in range(2):
        assert failed(lambda_drop.take(house.services, messages)) == ["m1"]
        house.clock.sleep(3)
    assert sorted(json.loads(job.input)["text"] for job in house.jobs()) == [
        keys[0], keys[2], keys[3],
    ]  # fmt: skip
