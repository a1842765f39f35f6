"""The controller with the real job table; the fleet writes rows and starts no processes."""

from __future__ import annotations

import itertools

import pytest
from pydantic import BaseModel

from pilotlight.adapters.local.replicas import ReplicaRows
from pilotlight.adapters.local.roster import SqliteRoster
from pilotlight.adapters.local.store import SqliteStore
from pilotlight.contracts import moves
from pilotlight.contracts.worker import Endpoint, WorkerSpec
from pilotlight.errors import Unavailable
from pilotlight.scaling.controller import Controller
from pilotlight.settings.scaling import ScalingSettings


class Nothing(BaseModel):
    pass


def spec(name, **facts):
    endpoint = Endpoint(id=f"test/{name}", task="test", input=Nothing, output=Nothing)
    return WorkerSpec(name=name, endpoints=(endpoint,), gpu_memory_gib=0, **facts)


class RowFleet:
    """The port, with rows only: what is started waits for the test to say how it goes."""

    def __init__(self, database, clock):
        self.rows, self.clock, self.started = ReplicaRows(database), clock, []

    def replicas(self):
        return self.rows.recent(now=self.clock.now())

    def start(self, worker, count):
        for _ in range(count):
            name = f"{worker}-{len(self.started)}"
            self.rows.add(name, worker, slots=1, now=self.clock.now())
            self.started.append(name)

    def retire(self, replica_id):
        return self.rows.retire(replica_id)

    def drain(self, replica_id):
        return self.rows.drains(replica_id)

    def cold_starts(self, worker, *, limit=20):
        return self.rows.cold_starts(worker, limit=limit)


@pytest.fixture
def store(database):
    return SqliteStore(database)


@pytest.fixture
def roster(database):
    return SqliteRoster(database)


@pytest.fixture
def fleet(database, clock):
    return RowFleet(database, clock)


@pytest.fixture
def controller(store, fleet, clock):
    specs = {
        "flux": spec("flux", keep_alive_s=60, max_replicas=2),
        "chat": spec("chat", keep_alive_s=30),
    }
    return Controller(store, fleet, specs, settings=ScalingSettings())


@pytest.fixture
def look(controller, clock):
    return lambda: controller(clock.now())


def lease(store, clock, job, owner):
    return store.move(job.id, moves.lease(owner=owner, now=clock.now(), lease_s=60, margin_s=10))


def stages(fleet):
    return {replica.id: replica.stage for replica in fleet.replicas()}


def test_nothing_to_do_asks_nothing_of_the_fleet(look, fleet):
    assert look() == []
    assert fleet.started == []


def test_the_first_job_starts_a_replica_of_its_own_worker_only(look, store, fleet, make_job):
    store.create([make_job(worker="flux")])

    look()
    look()

    assert stages(fleet) == {"flux-0": "starting"}


def test_a_worker_nobody_knows_any_more_is_left_alone(look, store, fleet, make_job):
    store.create([make_job(worker="forgotten")])

    assert look() == []
    assert fleet.started == []


def test_from_zero_and_back(look, store, fleet, roster, clock, make_job):
    job = make_job(worker="flux")
    store.create([job])
    look()
    roster.report("flux-0", "ready", now=clock.now())
    held = lease(store, clock, job, "flux-0")
    clock.sleep(500)
    look()
    assert stages(fleet) == {"flux-0": "ready"}, "a busy replica is not idle, however long it runs"

    store.move(job.id, moves.succeed(held, now=clock.now(), output="{}"))
    roster.may_lease("flux-0", now=clock.now())
    clock.sleep(59)
    (calm,) = look()
    assert stages(fleet) == {"flux-0": "ready"}
    assert calm.look_at == clock.now() + 1

    clock.sleep(1)
    look()
    assert stages(fleet) == {"flux-0": "draining"}
    assert not roster.may_lease("flux-0", now=clock.now())


def test_a_lease_taken_after_the_look_keeps_the_replica(store, fleet, roster, clock, make_job):
    """The race of scale-in and lease: the retirement is refused, atomically."""
    fleet.start("flux", 1)
    roster.report("flux-0", "ready", now=clock.now())
    job = make_job(worker="flux")
    store.create([job])

    class LeasesMeanwhile(RowFleet):
        def retire(self, replica_id):
            lease(store, clock, job, replica_id)
            return super().retire(replica_id)

    racing = LeasesMeanwhile(fleet.rows._db, clock)
    specs = {"flux": spec("flux", keep_alive_s=0)}
    controller = Controller(_without_jobs(store), racing, specs, settings=_eager())

    (decision,) = controller(clock.now())

    assert decision.retire == ("flux-0",)
    assert stages(fleet) == {"flux-0": "ready"}
    assert [held.id for held in store.held_by("flux-0")] == [job.id]


def _eager():
    return ScalingSettings(spare_s=0)


def _without_jobs(store):
    """The store as the look saw it: a moment before the job came."""

    class Earlier(SqliteStore):
        def load(self, *, now):
            return {}

    return Earlier(store._db)


def test_a_failed_start_is_tried_again_ever_more_seldom(look, store, fleet, clock, make_job):
    store.create([make_job(worker="flux")])
    tried_at = []
    for _ in range(200):
        before = len(fleet.started)
        look()
        if len(fleet.started) > before:
            tried_at.append(clock.now())
            fleet.rows.end(fleet.started[-1], "no weights", clean=False, now=clock.now())
        clock.sleep(1)

    gaps = [round(after - one) for one, after in itertools.pairwise(tried_at)]
    assert gaps == [2, 4, 8, 16, 32, 64]


def test_a_new_scaler_goes_on_where_the_old_one_died(
    controller, look, store, fleet, clock, make_job
):
    """It keeps nothing: what was asked for stands in the rows."""
    store.create([make_job(worker="flux") for _ in range(10)])
    clock.sleep(2)
    look()
    clock.sleep(1800)

    specs = {"flux": spec("flux", max_replicas=2)}
    Controller(store, fleet, specs, settings=ScalingSettings())(clock.now())

    assert len(fleet.started) == 2


def test_a_storm_of_jobs_starts_replicas_in_steps_up_to_the_maximum(store, fleet, clock, make_job):
    store.create([make_job(worker="flux") for _ in range(5000)])
    specs = {"flux": spec("flux", max_replicas=10)}
    controller = Controller(store, fleet, specs, settings=ScalingSettings())
    counts = []
    for _ in range(60):
        controller(clock.now())
        counts.append(len(fleet.started))
        clock.sleep(1)

    assert counts[0] == 1
    assert max(after - before for before, after in itertools.pairwise(counts)) <= 4
    assert counts[-1] == 10


def test_waiting_jobs_can_say_why(look, controller, store, fleet, clock, make_job):
    store.create([make_job(worker="flux")])
    look()
    fleet.rows.end("flux-0", "no weights", clean=False, now=clock.now())

    look()

    assert "no weights" in controller.decisions["flux"].reason


def test_light_asks_for_a_look(controller, look):
    assert not controller.lit.is_set()
    controller.light("flux")
    assert controller.lit.is_set()
    look()
    assert not controller.lit.is_set()


def test_a_fleet_that_cannot_be_started_keeps_no_other_from_its_start(
    controller, look, store, fleet, make_job, monkeypatch
):
    """In the order of their names, and the first one's service is not there."""
    start = fleet.start

    def starts(worker, count):
        if worker == "flux":
            raise Unavailable("ECS: AccessDenied")
        start(worker, count)

    monkeypatch.setattr(fleet, "start", starts)
    store.create([make_job(worker="flux"), make_job(worker="chat")])
    look()

    assert fleet.started == ["chat-0"]
    assert set(controller.decisions) == {"flux", "chat"}


def test_a_light_without_need_starts_nothing(controller, look, fleet):
    controller.light("flux")
    look()

    assert fleet.started == []


def test_one_look_is_three_questions_whatever_the_number_of_workers(
    store, fleet, clock, make_job, database
):
    specs = {f"w{number}": spec(f"w{number}") for number in range(40)}
    controller = Controller(store, fleet, specs, settings=ScalingSettings())
    asked = []
    database.read("SELECT 1")
    database._readers.connection.set_trace_callback(asked.append)

    controller(clock.now())

    assert len(asked) == 3, asked
