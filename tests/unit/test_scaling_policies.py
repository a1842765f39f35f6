"""Each policy's own rules, and the limits around any of them."""

from __future__ import annotations

import dataclasses
import datetime
import sys

import pytest

from pilotlight.ports.fleet import ColdStart, Replica
from pilotlight.ports.learned import Warmth
from pilotlight.ports.store import Load
from pilotlight.scaling.knowledge import Knowledge, Prior
from pilotlight.scaling.policies.expected_saving import ExpectedSaving
from pilotlight.scaling.policies.keda import Keda
from pilotlight.scaling.policies.keep_alive import KeepAlive
from pilotlight.scaling.policies.target_backlog import TargetBacklog
from pilotlight.scaling.policy import Snapshot, decide
from pilotlight.scaling.terms import Terms, terms_of
from pilotlight.scaling.windows import Window
from pilotlight.settings.scaling import ScalingSettings
from workers.echo import WORKER as ECHO

NOW = 90_000.0


def replica(name, *, idle_s=0.0, ready=True, asked_at=None):
    since = NOW - idle_s
    made = Replica(
        id=name, worker="flux", stage="ready", asked_at=since - 200, ready_at=since - 100,
        active_at=since,
    )  # fmt: skip
    if not ready:
        asked_at = NOW - 10 if asked_at is None else asked_at
        made = dataclasses.replace(
            made, stage="loading", asked_at=asked_at, ready_at=None, active_at=0.0
        )
    return made


def known(*, cold_s=100.0, service_s=20.0, gaps=()):
    told = Knowledge()
    told.started(ColdStart(0, cold_s), NOW - 1000)
    for _ in range(10):
        told.finished(service_s)
    at = 0.0
    for gap in gaps:
        told.needs(1, at)
        told.needs(0, at + 1)
        at += 1 + gap
    told.needs(1, at)
    return told


def terms(policy=None, **limits):
    return Terms(
        worker="flux", policy=policy or ExpectedSaving(), **({"max_replicas": 50} | limits)
    )


def look(jobs, *replicas, busy=(), now=NOW, **more):
    since = dict.fromkeys(busy, (now - 5,))
    snapshot = Snapshot(jobs, replicas, frozenset(busy), since)
    own = more.pop("terms", None) or terms(more.pop("policy", None))
    more.setdefault("known", known())
    return decide(snapshot, own, now=now, **more)


def waiting(queued, running=0, *, waited_s=1.0):
    return Load(queued, running, NOW - waited_s if queued else None)


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


# Limits around any policy


def test_the_last_replica_has_a_delay_of_its_own():
    held = look(Load(), replica("a", idle_s=400), terms=terms(last_s=900))

    assert (held.retire, held.look_at) == ((), NOW + 500)
    both = look(Load(), replica("a", idle_s=400), replica("b", idle_s=900), terms=terms(last_s=900))
    assert both.retire == ("b",)


def test_a_buffer_is_kept_beyond_what_is_needed_while_anything_is():
    one_busy = (waiting(0, 1), replica("a"))

    assert look(*one_busy, busy=["a"], terms=terms(buffer=2)).start == 2
    assert look(*one_busy, busy=["a"], terms=terms(buffer_share=0.5)).start == 1
    assert look(Load(), terms=terms(buffer=2)).start == 0


def test_a_spent_budget_stops_starts_and_sends_the_idle_home_until_midnight():
    told = known()
    told.ran(1, NOW - 3600)
    told.ran(1, NOW)
    own = terms(hours_per_day=1.0, min_replicas=1)

    spent = look(waiting(5, 1), replica("a"), replica("b"), busy=["a"], known=told, terms=own)
    assert (spent.start, spent.retire) == (0, ("b",))
    assert spent.look_at == 2 * 86400
    assert "GPU-hours" in spent.reason
    assert look(waiting(5), known=told, terms=own, now=2 * 86400.0 + 1).start == 1


WEDNESDAY = datetime.datetime(2026, 11, 18, tzinfo=datetime.UTC).timestamp()


def test_a_schedule_keeps_replicas_ready_in_its_hours():
    hours = Window(frozenset({2}), 8 * 3600, 18 * 3600, 2)
    own = terms(windows=(hours,))

    asleep = look(Load(), terms=own, now=WEDNESDAY + 7 * 3600)
    assert (asleep.start, asleep.look_at) == (0, WEDNESDAY + 8 * 3600)
    awake = look(Load(), terms=own, now=WEDNESDAY + 9 * 3600)
    assert awake.start == 2
    assert "schedule" in awake.reason
    thursday = look(Load(), terms=own, now=WEDNESDAY + 33 * 3600)
    assert (thursday.start, thursday.look_at) == (0, WEDNESDAY + 7 * 86400 + 8 * 3600)


def test_a_window_may_reach_past_midnight():
    night = Window(frozenset({2}), 22 * 3600, 6 * 3600, 1)

    assert night.open_until(WEDNESDAY + 29 * 3600) == WEDNESDAY + 30 * 3600
    assert night.open_until(WEDNESDAY + 5 * 3600) is None
    assert night.open_until(WEDNESDAY + 31 * 3600) is None


def test_an_operator_may_keep_replicas_warm_until_a_time():
    warm = Warmth(2, NOW + 600)

    asked = look(Load(), warm=warm)
    assert (asked.start, asked.look_at) == (2, NOW + 600)
    idle = (replica("a", idle_s=5000), replica("b", idle_s=5000))
    assert look(Load(), *idle, warm=warm).retire == ()
    assert look(Load(), *idle, warm=warm, now=NOW + 601).retire == ("a", "b")


def test_the_maximum_is_stronger_than_what_anybody_asks_for():
    assert look(Load(), warm=Warmth(9, NOW + 1), terms=terms(max_replicas=3)).start == 3


def test_a_maximum_of_zero_leaves_a_worker_to_somebody_else():
    settings = ScalingSettings.model_validate({"workers": {"echo": {"max_replicas": 0}}})
    own = terms_of(ECHO.spec, settings)

    assert look(waiting(9), terms=own).start == 0
    assert look(Load(), terms=own, warm=Warmth(1, NOW + 9)).start == 0


def test_a_start_that_the_rate_cuts_short_is_looked_at_again_when_it_may_go_on():
    fresh = [replica(f"r{n}", ready=False, asked_at=NOW - 14 + n) for n in range(3)]

    decision = look(waiting(5000), *fresh)

    assert decision.start == 1
    assert decision.look_at == NOW + 1


def test_each_worker_may_have_a_policy_of_its_own():
    settings = ScalingSettings.model_validate(
        {
            "keep_alive_s": 7,
            "workers": {
                "echo": {
                    "policy": "keda", "queue_length": 2, "max_replicas": 9, "keep_alive_s": 3,
                    "gpu_hours_per_day": 4,
                    "warm": [{"days": ["sat"], "begins": "09:30", "ends": "10:00"}],
                }
            },
        }
    )  # fmt: skip

    own = terms_of(ECHO.spec, settings)

    assert own.policy == Keda(2)
    assert (own.max_replicas, own.last_s, own.hours_per_day) == (9, 3, 4)
    assert own.windows == (Window(frozenset({5}), 34_200, 36_000, 1),)
    other = terms_of(ECHO.spec.model_copy(update={"name": "other"}), settings)
    assert isinstance(other.policy, ExpectedSaving)
    assert other.last_s == 7
