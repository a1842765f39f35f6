"""Each policy's own rules."""

from __future__ import annotations

import dataclasses
import sys

import pytest

from pilotlight.ports.fleet import ColdStart
from pilotlight.ports.store import Load
from pilotlight.scaling.knowledge import Knowledge, Prior
from pilotlight.scaling.policies.expected_saving import ExpectedSaving
from pilotlight.scaling.policies.keda import Keda
from pilotlight.scaling.policies.keep_alive import KeepAlive
from pilotlight.scaling.policies.target_backlog import TargetBacklog
from pilotlight.scaling.policy import Snapshot, decide
from tests.unit.looks import NOW, known, look, replica, terms, waiting

# Expected saving


def test_the_first_replica_starts_at_once():
    assert look(waiting(1)).start == 1


def test_short_work_waits_for_the_replica_on_its_way():
    assert look(waiting(3), replica("a", ready=False)).start == 0


def test_as_many_start_as_pay_for_themselves():
    """60 jobs of 20 s behind one replica: each further one saves less than the one before."""
    jobs, loading = waiting(60), replica("a", ready=False)
    wide = terms(start_step=50)
    cheap = look(jobs, loading, terms=dataclasses.replace(wide, policy=ExpectedSaving(0.5))).start
    dear = look(jobs, loading, terms=dataclasses.replace(wide, policy=ExpectedSaving(8))).start

    assert 0 < cheap < dear < 60


def test_long_jobs_start_replicas_that_short_ones_do_not():
    busy = replica("a")

    assert look(waiting(2, 1), busy, busy=["a"], known=known(service_s=5)).start == 0
    assert look(waiting(2, 1), busy, busy=["a"], known=known(service_s=900)).start == 2


@pytest.mark.parametrize("own_jobs", [0, 10], ids=["borrowed length", "a length of its own"])
def test_jobs_that_outrun_all_that_is_known_do_not_starve_those_behind_them(own_jobs):
    """Short jobs elsewhere, or before, say little about the long one that runs now."""
    prior = Prior()
    for _ in range(10):
        prior.service.add(0.05)
    told = Knowledge(prior)
    told.started(ColdStart(0.0, 2.0), NOW - 1000)
    for _ in range(own_jobs):
        told.finished(0.05)

    def starts(passed_s):
        scene = Snapshot(
            Load(12, 1, NOW - passed_s),
            (replica("one"),),
            frozenset({"one"}),
            {"one": (NOW - passed_s,)},
        )
        return decide(scene, terms(max_replicas=6), now=NOW, known=told).start

    assert starts(0.1) == 0
    assert starts(30) >= 1


def test_batch_jobs_wait_for_company_or_ten_minutes():
    batch = ExpectedSaving(0.2)

    held = look(waiting(3), policy=batch)
    assert (held.start, held.look_at) == (0, NOW - 1 + 600)
    assert look(waiting(16), policy=batch).start == 1, "more than three cold starts of work"
    assert look(waiting(1, waited_s=600), policy=batch).start == 1


KEPT = {
    "short gaps: long enough for them": ([50.0] * 20, 51.0),
    "no gap is worth waiting for: a tenth of the bound": ([50_000.0] * 20, 30.0),
    "a few long ones are let go": ([40.0] * 18 + [9000.0] * 2, 40.8),
    "nothing known: the ski rental's bound": ([], 300.0),
}


@pytest.mark.parametrize(("gaps", "kept_s"), KEPT.values(), ids=KEPT)
def test_the_last_one_is_kept_for_the_gaps_that_were_seen(gaps, kept_s):
    """A start costs 100 s, and 2 x 100 s for the job that waits for it: the bound is 300 s."""
    told = known(gaps=gaps)
    told.needs(0, NOW)

    decision = look(Load(), replica("a"), known=told)

    assert decision.look_at == pytest.approx(NOW + kept_s)
    late = NOW + kept_s + 1
    assert look(Load(), replica("a"), known=told, now=late).retire == ("a",)


def test_one_that_was_started_for_nothing_goes_soon():
    unused = dataclasses.replace(replica("b", idle_s=25), ready_at=NOW - 25)

    assert look(Load(), replica("a"), unused).retire == ("b",)
    assert look(Load(), replica("a"), replica("b", idle_s=25)).retire == ()


def test_jobs_that_come_by_a_timer_find_a_replica_ready():
    told = known(gaps=[3600.0] * 30)
    told.needs(0, NOW)

    asleep = look(Load(), known=told)
    assert (asleep.start, asleep.look_at) == (0, NOW + 3600 - 100)
    due = look(Load(), known=told, now=NOW + 3510)
    assert due.start == 1
    early = dataclasses.replace(replica("a"), ready_at=NOW + 3590, active_at=NOW + 3590)
    assert look(Load(), early, known=told, now=NOW + 3610).retire == ()
    assert look(Load(), early, known=told, now=NOW + 3700).retire == ("a",), "it did not come"


def test_before_anything_is_known_patience_decides():
    patient = ExpectedSaving(before=KeepAlive(60, 10, 1))

    nothing = Knowledge()
    assert look(waiting(3, waited_s=0), policy=patient, known=nothing).start == 1
    assert look(waiting(3, waited_s=2), policy=patient, known=nothing).start == 3


def lines_of(jobs):
    """How many lines of Python one decision runs."""
    count = 0

    def trace(_frame, _event, _arg):
        nonlocal count
        count += 1
        return trace

    told, own = known(), terms(start_step=50)
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        look(waiting(jobs), replica("a", ready=False), known=told, terms=own)
    finally:
        sys.settrace(before)
    return count


def test_a_decision_over_ten_thousand_jobs_is_hardly_more_work_than_over_a_hundred():
    assert lines_of(10_000) < 2 * lines_of(100)
    assert lines_of(10_000) < 20_000


# KEDA and target backlog


def test_keda_acts_at_its_polls_only():
    first = look(waiting(7), policy=Keda(), now=90_001.0)
    assert (first.start, first.look_at) == (0, 90_030)

    at_poll = look(waiting(7), policy=Keda(), now=90_030.0, memory=first.memory)
    assert at_poll.start == 1


def test_keda_grows_by_what_is_there_or_four_and_shrinks_to_the_most_of_five_minutes():
    keda, memory, now = Keda(), None, 90_000.0
    live = [replica("a")]
    starts = []
    for _ in range(3):
        decision = look(waiting(200), *live, policy=keda, now=now, memory=memory)
        starts.append(decision.start)
        live += [replica(f"{now}-{n}") for n in range(decision.start)]
        memory, now = decision.memory, decision.look_at
    assert starts == [0, 4, 5]

    for _ in range(19):
        decision = look(waiting(1), *live, policy=keda, now=now, memory=memory)
        assert not decision.retire
        memory, now = decision.memory, decision.look_at
    gone = [look(waiting(1), *live, policy=keda, now=now + 15, memory=memory)]
    assert len(gone[0].retire) == len(live) - 1


def test_keda_goes_to_zero_after_its_cooldown():
    decision = look(Load(), replica("a"), policy=Keda(), now=90_000.0)
    memory, looks = decision.memory, 0
    while not decision.retire:
        decision = look(
            Load(), replica("a"), policy=Keda(), now=decision.look_at, memory=decision.memory
        )
        looks += 1
    assert memory is not None
    assert looks == 20


def test_target_backlog_looks_once_a_minute():
    policy = TargetBacklog(5)
    first = look(waiting(11), policy=policy, now=90_010.0)
    assert (first.start, first.look_at) == (0, 90_060)

    second = look(waiting(11), policy=policy, now=90_060.0, memory=first.memory)
    assert second.start == 3


def test_a_busy_replica_is_idle_to_no_policy():
    for policy in (ExpectedSaving(), KeepAlive(0, 0), Keda(), TargetBacklog()):
        late = look(waiting(0, 1), replica("a", idle_s=9e4), busy=["a"], policy=policy)
        assert not late.retire, policy.name
