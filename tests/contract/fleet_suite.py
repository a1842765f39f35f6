"""What every fleet must do: adapters inherit :class:`FleetSuite` and give it theirs.

A subclass has four fixtures: ``clock`` (a ManualClock), ``fleet`` and ``roster`` over the same
rows, and ``store``. Its replicas must stay as quiet as the stand-in's ``quiet``: the tests say
what they report. ``quiet`` has two slots.
"""

from __future__ import annotations

import pytest

from pilotlight.contracts import moves
from pilotlight.ports.fleet import ColdStart, LoadStep


def stages(fleet):
    return {replica.id: replica.stage for replica in fleet.replicas()}


class FleetSuite:
    @pytest.fixture
    def started(self, fleet):
        """Start one replica of ``quiet``; its id."""

        def start():
            before = stages(fleet)
            fleet.start("quiet", 1)
            (new,) = stages(fleet).keys() - before.keys()
            return new

        return start

    @pytest.fixture
    def ready(self, started, roster, clock):
        def make():
            replica_id = started()
            roster.report(replica_id, "ready", now=clock.now())
            return replica_id

        return make

    @pytest.fixture
    def lease(self, store, clock, make_job):
        def take(owner):
            job = make_job(worker="quiet")
            store.create([job])
            return store.move(
                job.id, moves.lease(owner=owner, now=clock.now(), lease_s=60, margin_s=10)
            )

        return take

    def test_an_empty_fleet_has_no_replicas(self, fleet):
        assert fleet.replicas() == []
        assert fleet.cold_starts("quiet") == []

    def test_what_is_asked_for_shows_at_once(self, fleet, clock):
        fleet.start("quiet", 2)

        first, second = fleet.replicas()
        assert first.id != second.id
        assert {first.worker, second.worker} == {"quiet"}
        assert {first.stage, second.stage} == {"starting"}
        assert first.slots == 2
        assert first.asked_at == clock.now()

    def test_none_is_started_when_none_is_asked_for(self, fleet):
        fleet.start("quiet", 0)

        assert fleet.replicas() == []

    def test_replicas_come_oldest_first(self, fleet, started, clock):
        ids = []
        for _ in range(3):
            ids.append(started())
            clock.sleep(1)

        assert [replica.id for replica in fleet.replicas()] == ids

    def test_stages_and_their_times_are_those_reported(self, fleet, started, roster, clock):
        replica_id = started()
        clock.sleep(2)
        roster.report(replica_id, "loading", now=clock.now())
        clock.sleep(3)
        roster.report(replica_id, "ready", now=clock.now())

        (replica,) = fleet.replicas()
        assert replica.stage == "ready"
        assert replica.loading_at == replica.asked_at + 2
        assert replica.ready_at == replica.asked_at + 5

    def test_an_idle_replica_can_be_retired_and_then_leases_nothing(
        self, fleet, ready, roster, clock
    ):
        replica_id = ready()
        assert roster.may_lease(replica_id, now=clock.now())

        assert fleet.retire(replica_id)

        assert stages(fleet)[replica_id] in ("draining", "gone")
        assert not roster.may_lease(replica_id, now=clock.now())

    def test_a_replica_that_holds_a_job_cannot_be_retired(self, fleet, ready, lease, store, clock):
        replica_id = ready()
        job = lease(replica_id)

        assert not fleet.retire(replica_id)
        assert stages(fleet) == {replica_id: "ready"}

        store.move(job.id, moves.succeed(job, now=clock.now(), output="{}"))
        assert fleet.retire(replica_id)

    def test_somebody_elses_job_is_no_obstacle(self, fleet, ready, lease):
        idle, busy = ready(), ready()
        lease(busy)

        assert fleet.retire(idle)

    def test_one_that_still_starts_can_be_retired(self, fleet, started):
        assert fleet.retire(started())

    def test_nobody_can_be_retired_twice(self, fleet, ready):
        replica_id = ready()
        fleet.retire(replica_id)

        assert not fleet.retire(replica_id)
        assert not fleet.retire("nobody")

    def test_one_that_drains_keeps_its_job_and_leases_no_other(
        self, fleet, ready, lease, roster, store, clock
    ):
        busy = ready()
        job = lease(busy)

        assert fleet.drain(busy)

        assert stages(fleet) == {busy: "draining"}
        assert not roster.may_lease(busy, now=clock.now())
        assert not roster.seen(busy, now=clock.now())
        assert store.move(job.id, moves.succeed(job, now=clock.now(), output="{}"))
        assert not fleet.drain(busy), "it does already"

    def test_who_is_over_does_not_drain(self, fleet, started, roster, clock):
        failed = started()
        roster.report(failed, "failed", now=clock.now(), error="no weights")

        assert not fleet.drain(failed)
        assert not fleet.drain("nobody")
        assert stages(fleet) == {failed: "failed"}

    def test_work_keeps_a_replica_active(self, fleet, ready, roster, clock):
        replica_id = ready()
        clock.sleep(30)
        roster.may_lease(replica_id, now=clock.now())

        (replica,) = fleet.replicas()
        assert replica.active_at == clock.now()

    def test_a_failure_shows_with_its_reason_for_as_long_as_it_matters(
        self, fleet, started, roster, clock
    ):
        replica_id = started()
        roster.report(replica_id, "failed", now=clock.now(), error="no weights")
        clock.sleep(1800)

        (replica,) = fleet.replicas()
        assert (replica.id, replica.stage, replica.error) == (replica_id, "failed", "no weights")
        assert replica.ended_at == clock.now() - 1800

    def test_a_failure_is_forgotten_once_a_later_replica_serves(
        self, fleet, started, roster, clock
    ):
        failed = started()
        roster.report(failed, "failed", now=clock.now(), error="no weights")
        clock.sleep(1)
        served = started()
        roster.report(served, "ready", now=clock.now())
        clock.sleep(1800)

        assert stages(fleet) == {served: "ready"}

    def test_cold_starts_are_the_newest_successful_ones(self, fleet, started, roster, clock):
        for load_s in (5, 7):
            replica_id = started()
            clock.sleep(2)
            roster.report(replica_id, "loading", now=clock.now())
            clock.sleep(load_s)
            roster.report(replica_id, "ready", now=clock.now())
        roster.report(started(), "failed", now=clock.now(), error="no")

        assert fleet.cold_starts("quiet") == [ColdStart(2, 7), ColdStart(2, 5)]
        assert fleet.cold_starts("quiet", limit=1) == [ColdStart(2, 7)]
        assert fleet.cold_starts("other") == []

    def test_a_load_says_what_it_is_at_and_how_long_each_stage_took(
        self, fleet, started, roster, clock
    ):
        replica_id = started()
        roster.report(replica_id, "loading", now=clock.now())
        roster.stepped(replica_id, LoadStep("weights"), now=clock.now())
        began = clock.now()
        clock.sleep(5)
        roster.stepped(replica_id, LoadStep("weights", 0.4), now=clock.now())
        (row,) = fleet.replicas()
        assert (row.step, row.step_at, row.fraction) == ("weights", began, 0.4)

        took = {"imports": 1.5, "weights": 5.25}
        roster.stepped(replica_id, LoadStep("ready", took=took), now=clock.now())
        roster.report(replica_id, "ready", now=clock.now())
        roster.stepped(replica_id, LoadStep("ready", took={"weights": 99.0}), now=clock.now())
        (row,) = fleet.replicas()
        assert (row.took, row.fraction) == (took, None)
        assert fleet.cold_starts("quiet") == [ColdStart(0, 5, took)]

    def test_a_replica_that_was_told_to_drain_stays_so(self, fleet, ready, roster, clock):
        replica_id = ready()
        assert fleet.retire(replica_id)
        for stage in ("loading", "ready"):
            roster.report(replica_id, stage, now=clock.now())

        assert stages(fleet)[replica_id] == "draining"

    def test_a_second_load_leaves_the_cold_start_as_it_was(self, fleet, ready, roster, clock):
        replica_id = ready()
        (before,) = fleet.replicas()
        clock.sleep(100)
        roster.report(replica_id, "ready", now=clock.now())

        (after,) = fleet.replicas()
        assert after.ready_at == before.ready_at

    def test_a_replica_that_is_told_to_drain_reads_so_in_its_row(self, fleet, ready, roster, clock):
        replica_id = ready()
        assert roster.seen(replica_id, now=clock.now())
        assert fleet.retire(replica_id)
        assert not roster.seen(replica_id, now=clock.now())

    def test_a_word_from_the_parent_is_remembered(self, fleet, ready, roster, clock):
        replica_id = ready()
        clock.sleep(10)
        assert roster.seen(replica_id, now=clock.now())

        (replica,) = fleet.replicas()
        assert replica.seen_at == clock.now()
