"""Every rule of the audit catches the row that breaks it, and none cries at a sound one."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from pilotlight.cli import app, auditing, running
from pilotlight.contracts import moves
from pilotlight.contracts.artifact import Artifact
from pilotlight.contracts.invariants import breaches, overdue
from pilotlight.contracts.job import AttemptRecord, JobError, JobStatus

TERMS = {"lease_s": 60, "margin_s": 10}
ERROR = '{"code":"worker_error","message":"no","http_status":500,"problems":[]}'
OVER = {"due_at": None, "ended_at": 2.0, "forget_at": 9.0}
FAILED = OVER | {"status": JobStatus.FAILED, "error": ERROR}
SUCCEEDED = OVER | {"status": JobStatus.SUCCEEDED, "output": "{}"}
HELD = {"status": JobStatus.RUNNING, "owner": "r", "lease_until": 5.0, "fence": 1, "attempts": 1}


def attempt(fence, outcome):
    return AttemptRecord("j", fence, "r", 1.0, 2.0, outcome)


BROKEN = [
    # what the row shows, its history, the rule, a word of what is said
    (FAILED | {"due_at": 5.0}, [], "I1", "still due"),
    ({"due_at": None}, [], "I1", "nobody will look"),
    (FAILED | {"ended_at": None}, [], "I1", "without an end"),
    ({"forget_at": 9.0}, [], "I1", "has an end"),
    (SUCCEEDED | {"fence": 2}, [attempt(1, "T6"), attempt(2, "T6")], "I2", "more than once"),
    (OVER | {"status": JobStatus.CANCELLED, "error": ERROR, "fence": 1}, [attempt(1, "T6")], "I2",
     "ended by T6"),
    (SUCCEEDED | {"fence": 2}, [attempt(1, "T6"), attempt(2, "T7")], "I2", "after its end"),
    (FAILED | {"output": "{}"}, [], "I3", "no success"),
    (SUCCEEDED | {"output": None}, [], "I3", "without an output"),
    (FAILED | {"error": None}, [], "I3", "does not say why"),
    (SUCCEEDED | {"output": "{"}, [], "I3", "not JSON"),
    (SUCCEEDED | {"artifacts": '[{"key":1}]'}, [], "I3", "files cannot be read"),
    (FAILED | {"webhook_due": 1.0}, [], "I4", "it has none"),
    ({"webhook": "https://a.b", "webhook_due": 1.0}, [], "I4", "not over"),
    (FAILED | {"webhook": "https://a.b"}, [], "I4", "nobody will post"),
    (HELD | {"owner": None}, [], "I5", "nobody holds"),
    (FAILED | {"lease_until": 1.0}, [], "I5", "has a lease"),
    ({"owner": "r"}, [], "I5", "has an owner"),
    (HELD | {"attempts": 5}, [], "I8", "5 attempts of 4"),
    ({"attempts": -1}, [], "I8", "-1 attempts"),
    ({"losses": 3}, [], "I8", "goes on"),
    ({"fence": 3}, [attempt(2, "T7"), attempt(2, "T7")], "I9", "do not rise"),
    ({"fence": 3}, [attempt(4, "T7")], "I9", "under fence 4"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "attempts", "rule", "word"), BROKEN, ids=[f"{b[2]} {b[3]}" for b in BROKEN]
)
def test_a_broken_row_is_named_with_its_rule(make_job, changes, attempts, rule, word):
    found = breaches(make_job(**changes), attempts)

    assert (rule, True) in [(breach.rule, word in breach.what) for breach in found], found


@pytest.mark.parametrize("changes", [{}, FAILED, SUCCEEDED, HELD], ids=["waits", "f", "s", "held"])
def test_a_sound_row_is_left_in_peace(make_job, changes):
    assert breaches(make_job(**changes), []) == []


def test_what_should_have_happened_by_now_is_overdue(make_job):
    held = make_job(**HELD, due_at=10.0)
    posted = make_job(**FAILED, webhook="https://a.b", webhook_due=10.0)

    assert [breach.rule for breach in overdue(held, now=130.0)] == ["I1", "I5"]
    assert [breach.rule for breach in overdue(posted, now=71.0)] == ["I4"]
    assert overdue(held, now=60.0) == []


def lived(house, rng):
    """A job with a random life on the real store, whatever is refused on the way."""
    hook = rng.choice([None, "https://example.org"])
    wish = replace(house.wish, webhook=hook)
    job = asyncio.run(house.services.submit(wish))
    for _ in range(rng.randrange(12)):
        house.clock.sleep(rng.choice([0.5, 20, 80]))
        job, now = house.services.store.get(job.id), house.clock.now()
        error = JobError("worker_error", "no")
        house.services.store.move(job.id, rng.choice([
            moves.lease(owner="r", now=now, **TERMS), moves.lease(owner="r", now=now, **TERMS),
            moves.beat(job, now=now, progress=0.5, **TERMS), moves.storing(job, now=now, **TERMS),
            moves.succeed(job, now=now, output="{}", artifacts="[]"),
            moves.retry(job, not_before=now, error=error), moves.fail(job, now=now, error=error),
            moves.hand_back(job, now=now), moves.lost(job, now=now), moves.time_out(job, now=now),
            moves.cancel(job, now=now), moves.expire(job, now=now),
        ]))  # fmt: skip
    return job.id


class House:
    def __init__(self, services, clock, wish):
        self.services, self.clock, self.wish = services, clock, wish


@pytest.fixture
def place(house, clock, submission):
    return House(house, clock, submission())


def test_no_life_that_the_lifecycle_allows_breaks_a_rule(place):
    rng = random.Random(11)
    for _ in range(150):
        lived(place, rng)

    found = auditing.walk(place.services)
    assert found.rows == 150
    assert found.breaches == []


def succeeded_with_a_file(house, content=b"pixels"):
    services, now = house.services, house.clock.now()
    job = asyncio.run(services.submit(house.wish))
    info = services.blobs.put(
        f"results/{job.id}/1/a.png", content, content_type="image/png", file_name="a.png"
    )
    listed = Artifact(
        key=info.key, file_name="a.png", content_type="image/png", size=info.size,
        sha256=info.sha256,
    )  # fmt: skip
    held = services.store.move(job.id, moves.lease(owner="r", now=now, **TERMS))
    artifacts = json.dumps([listed.model_dump()])
    services.store.move(job.id, moves.succeed(held, now=now, output="{}", artifacts=artifacts))
    return info.key


def test_a_result_whose_file_is_gone_or_another_is_found(place):
    kept, gone, other = (succeeded_with_a_file(place) for _ in range(3))
    blobs = place.services.blobs
    blobs.delete(gone)
    blobs.put(other, b"others", content_type="image/png", file_name="a.png")

    found = auditing.walk(place.services).breaches
    assert {(one.rule, one.what.rpartition(": ")[2]) for one in found} == {
        ("I3", "is not there"), ("I3", "is another file than the row says"),
    }  # fmt: skip
    assert not any(kept in one.what for one in found)


def test_a_file_that_rotted_is_found_when_its_bytes_are_read(place):
    key = succeeded_with_a_file(place)
    place.services.blobs.local_copy(key, place.services.settings.data).write_bytes(b"pixelt")

    assert auditing.walk(place.services).breaches == []
    (found,) = auditing.walk(place.services, contents=True).breaches
    assert "not what was stored" in found.what


def test_a_replica_that_fell_silent_is_overdue(place):
    with place.services.store._db.write() as execute:
        execute(
            "INSERT INTO replica (id, worker, stage, asked_at, ready_at, seen_at) "
            "VALUES ('echo-1', 'echo', 'ready', 1, 1, ?)", (place.clock.now() - 400,),
        )  # fmt: skip
    (found,) = auditing.walk(place.services).overdue
    assert "silent for 400 s" in found.what


@pytest.fixture
def run(house):
    def run(*words):
        return CliRunner().invoke(app, [*words, "--data", str(house.settings.data)])

    return run


def test_the_command_says_what_is_wrong_and_ends_with_1(place, run):
    key = succeeded_with_a_file(place)
    assert run("audit").exit_code == 0
    assert "1 rows, 0 breaches" in run("audit").stdout

    place.services.blobs.delete(key)
    done = run("audit")
    assert done.exit_code == 1
    assert "I3" in done.stdout
    told = json.loads(run("audit", "--json").stdout)
    assert (told["rows"], [one["rule"] for one in told["breaches"]]) == (1, ["I3"])


def test_what_is_overdue_counts_only_while_something_runs(place, run, make_job):
    import os

    place.services.store.create([make_job(due_at=1.0, start_by=2.0)])
    quiet = run("audit")
    data = place.services.settings.data
    running.announce(data, running.Running("http://127.0.0.1:1", "k", os.getpid()))
    busy = run("audit")

    assert (quiet.exit_code, busy.exit_code) == (0, 1)
    assert "waits for `pilotlight up`" in quiet.stderr
    assert "should have looked at it" in busy.stdout
