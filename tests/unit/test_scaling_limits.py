"""What an owner may say around any policy: least, most, buffers, budgets, hours, warmth."""

from __future__ import annotations

import datetime

from pilotlight.ports.learned import Warmth
from pilotlight.ports.store import Load
from pilotlight.scaling.policies.expected_saving import ExpectedSaving
from pilotlight.scaling.policies.keda import Keda
from pilotlight.scaling.terms import terms_of
from pilotlight.scaling.windows import Window
from pilotlight.settings.scaling import ScalingSettings
from tests.unit.looks import NOW, known, look, replica, terms, waiting
from workers.echo import WORKER as ECHO


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


def test_a_spent_budget_ends_with_the_jobs_in_hand_however_many_wait():
    told = known()
    told.ran(1, NOW - 3600)
    told.ran(1, NOW)
    own = terms(hours_per_day=1.0)

    spent = look(waiting(500, 1), replica("a"), busy=["a"], known=told, terms=own)
    assert (spent.drain, spent.retire) == (("a",), ())


def test_a_paused_worker_begins_no_job_more_and_finishes_what_it_has_begun():
    fleet = replica("busy"), replica("idle"), replica("new", ready=False)
    own = terms(paused=True, min_replicas=2)

    held = look(waiting(500, 1), *fleet, busy=["busy"], terms=own, warm=Warmth(3, NOW + 99))

    assert (held.start, held.drain, held.retire) == (0, ("busy",), ("idle", "new"))
    assert held.look_at is None
    assert "500 wait" in held.reason


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
