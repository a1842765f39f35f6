"""The fleet suite again, with the replicas' rows in DynamoDB; and what only that register has."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from pilotlight.adapters.aws import replica_items
from pilotlight.adapters.aws.learned import DynamoLearned
from pilotlight.adapters.aws.register import DynamoRegister
from pilotlight.adapters.aws.roster import ROUGHLY_S, DynamoRoster
from pilotlight.adapters.aws.store import DynamoStore
from pilotlight.adapters.local.fleet import LocalFleet
from pilotlight.contracts import moves
from pilotlight.errors import Unavailable
from pilotlight.ports.fleet import LoadStep
from pilotlight.ports.learned import Warmth
from pilotlight.settings import ReplicaSettings, Settings
from tests.contract.emulator import Faults
from tests.contract.fleet_suite import FleetSuite, stages
from tests.contract.local_fleet.stand_ins import SPECS

STAND_IN = Path(__file__).parent / "programs" / "stand_in.py"


@pytest.fixture
def store(aws):
    return DynamoStore(aws.calls, aws.table, aws.texts, workers=("quiet", "echo"))


@pytest.fixture
def register(aws):
    return DynamoRegister(aws.calls, aws.table, place="here")


@pytest.fixture
def roster(aws):
    return DynamoRoster(aws.calls, aws.table)


class TestLocalFleetOnDynamo(FleetSuite):
    """On ministack; the fleet of ECS services has the suite over the same register on moto."""

    @pytest.fixture
    def aws(self, ministack):
        return ministack

    @pytest.fixture
    def fleet(self, register, clock, tmp_path):
        settings = Settings(data=tmp_path, replica=ReplicaSettings(grace_s=2))
        # Nobody is there to report but the tests.
        command = (sys.executable, "-S", "-c", "import sys; sys.stdin.read()")
        made = LocalFleet(register, settings=settings, specs=SPECS, clock=clock, command=command)
        yield made
        made.hurry.set()
        made.stop_all(0)


@pytest.fixture
def ready(register, roster, clock):
    def make(replica_id="quiet-1"):
        register.add(replica_id, "quiet", slots=1, now=clock.now())
        for stage in ("loading", "ready"):
            roster.report(replica_id, stage, now=clock.now())
        return replica_id

    return make


def only(register, clock):
    (replica,) = register.recent(now=clock.now())
    return replica


def test_a_replica_notes_its_own_process(aws, register, clock):
    register.add("quiet-1", "quiet", slots=1, now=clock.now())
    DynamoRoster(aws.calls, aws.table, process=(os.getpid(), 12.5)).report(
        "quiet-1", "loading", now=clock.now()
    )
    (row,) = register.open_rows()
    assert (row.pid, row.pid_started) == (os.getpid(), 12.5)


def test_a_supervisor_closes_no_row_of_another_machine(aws, ready, clock):
    ready()
    elsewhere = DynamoRegister(aws.calls, aws.table, place="elsewhere")
    assert elsewhere.open_rows() == []
    assert elsewhere.silent(since=clock.now() + 1) == []
    assert [one.id for one in elsewhere.recent(now=clock.now())] == ["quiet-1"]


def test_what_is_asked_for_twice_is_there_once(register, ready, clock):
    ready()
    register.add("quiet-1", "quiet", slots=1, now=clock.now())
    assert only(register, clock).stage == "ready"


def test_a_word_of_a_replica_nobody_knows_makes_no_row(register, roster, clock):
    roster.report("stranger", "ready", now=clock.now())
    roster.stepped("stranger", LoadStep("weights"), now=clock.now())
    assert roster.seen("stranger", now=clock.now())
    assert not roster.may_lease("stranger", now=clock.now())
    assert register.row("stranger") is None


def test_the_steps_of_a_load_are_told_with_their_times(register, roster, ready, clock):
    ready()
    roster.stepped("quiet-1", LoadStep("weights", 0.1), now=10.0)
    roster.stepped("quiet-1", LoadStep("weights", 0.5), now=20.0)
    found = only(register, clock)
    assert (found.step, found.step_at, found.fraction) == ("weights", 10.0, 0.5)
    roster.stepped("quiet-1", LoadStep("ready", took={"weights": 7.0}), now=30.0)
    found = only(register, clock)
    assert (found.step, found.step_at, found.fraction) == ("ready", 30.0, None)
    assert found.took == {"weights": 7.0}


def test_the_end_of_a_short_job_costs_no_request_and_of_a_long_one_is_told(
    aws, register, roster, ready, clock
):
    ready()
    assert roster.may_lease("quiet-1", now=clock.now(), leases=1)
    began = clock.now()
    clock.sleep(ROUGHLY_S / 2)
    with aws.account.counted() as requests:
        assert roster.may_lease("quiet-1", now=clock.now(), leases=0)
    assert not requests
    assert only(register, clock).active_at == began
    clock.sleep(ROUGHLY_S)
    assert roster.may_lease("quiet-1", now=clock.now(), leases=0)
    assert only(register, clock).active_at == clock.now()


def test_a_beat_tells_when_the_replica_last_worked(register, roster, ready, clock):
    ready()
    roster.may_lease("quiet-1", now=clock.now())
    clock.sleep(1)
    roster.may_lease("quiet-1", now=clock.now(), leases=0)
    worked = clock.now()
    clock.sleep(10)
    roster.seen("quiet-1", now=clock.now())
    assert only(register, clock).active_at == worked


def test_a_retirement_whose_answer_is_lost_is_one_all_the_same(aws, register, ready, clock):
    ready()
    faults = Faults(aws.account.dynamodb)
    try:
        faults.lose_answers("UpdateItem")
        assert register.retire("quiet-1")
    finally:
        faults.clear()
    assert only(register, clock).stage == "draining"


def test_of_many_replicas_none_is_left_out(register, clock):
    for number in range(103):
        register.add(f"quiet-{number:03}", "quiet", slots=1, now=clock.now())
    assert len(register.recent(now=clock.now())) == 103


def test_a_batch_that_is_never_complete_is_no_list(aws, register, ready):
    ready()
    faults = Faults(aws.account.dynamodb)
    key = {"Keys": [replica_items.row("quiet-1")], "ConsistentRead": True}

    def cut_short(parsed, **_):
        parsed["Responses"], parsed["UnprocessedKeys"] = {}, {aws.table: key}

    try:
        faults._hook("after-call.dynamodb.BatchGetItem", cut_short)
        with pytest.raises(Unavailable, match="part"):
            list(register.rows())
    finally:
        faults.clear()


def test_old_rows_are_forgotten_but_the_newest_cold_starts(register, roster, ready, clock):
    for number in range(22):
        ready(f"quiet-{number:02}")
        clock.sleep(1)
        register.end(f"quiet-{number:02}", "ended", clean=True, now=clock.now())
    assert register.forget(ended_before=clock.now() + 1) == 2
    assert len(register.cold_starts("quiet", limit=100)) == 20
    assert len(list(register.rows())) == 20


def test_the_end_of_a_row_that_is_not_there_is_no_error(register, clock):
    assert register.end("nobody", "ended", clean=True, now=clock.now()).stage == "gone"


def test_stages_come_from_rows_that_another_process_wrote(aws, ready, clock, tmp_path):
    ready()
    other = DynamoRegister(aws.calls, aws.table, place="operator")
    fleet = LocalFleet(other, settings=Settings(data=tmp_path), specs=SPECS, clock=clock)
    assert stages(fleet) == {"quiet-1": "ready"}
    assert fleet.is_empty


# What the scaler learned


@pytest.fixture
def learned(aws):
    return DynamoLearned(aws.calls, aws.table, workers=("echo", "quiet"))


@pytest.fixture
def end(store, clock, make_job):
    """A job that ran so long and ended now; the row."""

    def make(worker, run_s, *, succeeds=True):
        job = make_job(worker=worker)
        store.create([job])
        job = store.move(job.id, moves.lease(owner="r", now=clock.now(), lease_s=60, margin_s=10))
        clock.sleep(run_s)
        over = moves.succeed(job, now=clock.now(), output="{}")
        return store.move(job.id, over if succeeds else moves.cancel(job, now=clock.now()))

    return make


def test_what_succeeded_is_learned_in_the_order_of_its_ends(learned, end):
    first, _, second = end("quiet", 3), end("quiet", 1, succeeds=False), end("echo", 5)
    runs = learned.finished(after=0)
    assert [(run.worker, run.ended_at) for run in runs] == [
        ("quiet", first.ended_at),
        ("echo", second.ended_at),
    ]
    assert [round(run.ended_at - run.started_at) for run in runs] == [3, 5]
    assert learned.finished(after=runs[0].seq) == runs[1:]
    assert learned.finished(after=runs[1].seq) == []


def test_who_begins_begins_with_the_newest(learned, end):
    for run_s in (1, 2, 3):
        end("quiet", run_s)
    runs = learned.finished(after=None, limit=2)
    assert [round(run.ended_at - run.started_at) for run in runs] == [2, 3]


def test_notes_and_warmth_are_kept(learned):
    learned.write({"echo": "one", "quiet": "two"})
    learned.write({"echo": "three"})
    learned.warm("echo", Warmth(2, 17.5))
    assert learned.read() == {"echo": "three", "quiet": "two"}
    assert learned.warmed() == {"echo": Warmth(2, 17.5)}
