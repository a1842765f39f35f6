"""The controller learns from real rows, writes it down, and the next one goes on from there."""

from __future__ import annotations

import dataclasses

import pytest
from pydantic import BaseModel
from typer.testing import CliRunner

from pilotlight import bootstrap, settings
from pilotlight.adapters.local.database import Database
from pilotlight.adapters.local.learned import SqliteLearned
from pilotlight.adapters.local.replicas import ReplicaRows
from pilotlight.adapters.local.roster import SqliteRoster
from pilotlight.adapters.local.store import SqliteStore
from pilotlight.cli import app
from pilotlight.cli.warm import moment
from pilotlight.contracts import moves
from pilotlight.contracts.worker import Endpoint, WorkerSpec
from pilotlight.errors import SettingsError
from pilotlight.ports.learned import Finished, Warmth
from pilotlight.scaling.controller import Controller
from pilotlight.settings.scaling import ScalingSettings


class Nothing(BaseModel):
    pass


@dataclasses.dataclass
class House:
    """Rows and a clock; what is started becomes ready when the test says so."""

    database: Database
    clock: object
    make_job: object

    def __post_init__(self):
        self.store, self.learned = SqliteStore(self.database), SqliteLearned(self.database)
        self.rows, self.roster = ReplicaRows(self.database), SqliteRoster(self.database)
        self.count = 0
        self.controller = self.new_controller()

    def new_controller(self, **settings):
        endpoint = Endpoint(id="test/flux", task="test", input=Nothing, output=Nothing)
        spec = WorkerSpec(name="flux", endpoints=(endpoint,), gpu_memory_gib=0, keep_alive_s=10)
        return Controller(
            self.store,
            self,
            {"flux": spec},
            settings=ScalingSettings(**settings),
            learned=self.learned,
        )

    def replicas(self):
        return self.rows.recent(now=self.clock.now())

    def start(self, worker, count):
        for _ in range(count):
            self.count += 1
            self.rows.add(f"r{self.count}", worker, slots=1, now=self.clock.now())

    def retire(self, replica_id):
        gone = self.rows.retire(replica_id)
        if gone:
            self.rows.end(replica_id, "", clean=True, now=self.clock.now())
        return gone

    def cold_starts(self, worker, *, limit=20):
        return self.rows.cold_starts(worker, limit=limit)

    def look(self):
        return self.controller(self.clock.now())

    def live(self):
        return [one for one in self.replicas() if one.ended_at is None]

    def load(self, *, start_s, load_s):
        (replica,) = self.live()
        self.clock.sleep(start_s)
        self.roster.report(replica.id, "loading", now=self.clock.now())
        self.look()
        self.clock.sleep(load_s)
        self.roster.report(replica.id, "ready", now=self.clock.now())
        self.look()
        return replica.id

    def run(self, service_s):
        """One job from its submit to its end, on the replica that is or becomes ready."""
        job = self.make_job(worker="flux")
        self.store.create([job])
        self.look()
        (replica,) = self.live()
        name = replica.id if replica.ready_at else self.load(start_s=4, load_s=36)
        self.roster.may_lease(name, now=self.clock.now())
        now = self.clock.now()
        held = self.store.move(job.id, moves.lease(owner=name, now=now, lease_s=600, margin_s=10))
        self.look()
        self.clock.sleep(service_s)
        self.store.move(job.id, moves.succeed(held, now=self.clock.now(), output="{}"))
        self.look()

    def known(self):
        self.look()
        return self.controller._learner.of("flux")


@pytest.fixture
def house(database, clock, make_job):
    return House(database, clock, make_job)


def pause(house, seconds):
    """Looks as upkeep does: every two seconds."""
    for _ in range(int(seconds // 2)):
        house.clock.sleep(2)
        house.look()


def test_runs_cold_starts_and_pauses_are_learned_from_the_rows(house):
    for _ in range(9):
        house.run(20)
        pause(house, 50)

    known = house.known()
    assert known.service_s == pytest.approx(20)
    assert (known.start.mean_s, known.load.mean_s) == (4, 36)
    assert known.gaps(1).best_s(1000) == pytest.approx(50, rel=0.05)


def test_what_was_learned_outlives_the_controller(house):
    for _ in range(9):
        house.run(20)
        pause(house, 70)
    before = house.known()

    house.controller = house.new_controller()
    after = house.known()

    assert after.cold_s == before.cold_s == 40
    assert after.service_s == pytest.approx(before.service_s)
    assert after._gaps[1].dump() == before._gaps[1].dump()


def test_a_replica_is_kept_for_as_long_as_its_pauses_were(house):
    """Its worker says 10 s; pauses of 50 s, cold starts of 40 s: it stays."""
    for _ in range(9):
        house.run(20)
        pause(house, 50)

    assert house.count == 1, "three cold starts long, while nothing better is known"
    (decision,) = house.look()
    assert not decision.retire
    pause(house, 60)
    assert house.live() == []


def test_a_memory_that_nobody_can_read_is_learned_again(house):
    house.learned.write({"flux": '{"version": "of tomorrow"}'})

    house.run(20)

    assert house.known().cold_s == 40


def test_what_an_operator_keeps_warm_is_started_and_stays(house):
    house.learned.warm("flux", Warmth(2, house.clock.now() + 500))

    (decision,) = house.look()
    assert decision.start == 2
    assert "warm" in decision.reason
    assert [one.worker for one in house.live()] == ["flux", "flux"]


def test_minutes_of_writing_are_few(house):
    written = []
    house.database.read("SELECT 1")
    house.database._writer.set_trace_callback(
        lambda said: written.append(said) if "scaling:learned" in said else None
    )
    house.run(20)
    pause(house, 300)

    assert 1 <= len(written) <= 6


def test_a_controller_that_is_far_behind_goes_on_at_the_newest(house):
    asked = []

    class Busy(SqliteLearned):
        """More ends than anybody could read."""

        def finished(self, *, after, limit=500):
            asked.append(after)
            newest = 1_000_000 + 5_000 * len(asked)
            first = newest - limit if after is None else after
            return [
                Finished(seq=first + n, worker="flux", created_at=0, started_at=0, ended_at=5)
                for n in range(1, limit + 1)
            ]

    house.learned = Busy(house.database)
    house.controller = house.new_controller()
    for _ in range(3):
        house.clock.sleep(2)
        house.look()

    assert asked == [None, None, None]
    assert house.controller._learner.of("flux").service_s == 5


def test_finished_jobs_are_given_page_by_page(house):
    for _ in range(5):
        house.run(2)

    first = house.learned.finished(after=0, limit=2)
    rest = house.learned.finished(after=first[-1].seq)
    assert [one.ended_at - one.started_at for one in first + rest] == [2] * 5
    assert [one.seq for one in first + rest] == sorted(one.seq for one in first + rest)
    assert len(house.learned.finished(after=None, limit=3)) == 3


UNTIL = {
    "minutes": ("90min", 5400),
    "hours": ("1.5h", 5400),
    "a time of day to come": ("18:00", 6 * 3600),
    "a time of day that is over": ("06:30", 18.5 * 3600),
    "never mind": ("off", 0),
}


@pytest.mark.parametrize(("text", "later_s"), UNTIL.values(), ids=UNTIL)
def test_until_is_a_length_or_a_time_of_day(text, later_s):
    noon = 20_000 * 86400.0 + 43200

    assert moment(text, noon) == noon + later_s


def test_until_is_nothing_else():
    with pytest.raises(SettingsError, match="18:00"):
        moment("tomorrow", 0.0)


def lit(data):
    """A folder that `up` has used."""
    bootstrap.services(settings.load(data=data)).close()


def test_the_command_leaves_word_for_the_scaler(tmp_path, monkeypatch):
    monkeypatch.setenv("PILOTLIGHT_WORKERS", '["workers"]')
    lit(tmp_path / "d")
    said = CliRunner().invoke(
        app, ["warm", "echo", "--until", "2h", "--replicas", "2", "--data", str(tmp_path / "d")]
    )

    assert said.exit_code == 0, said.output
    assert "2 replicas of echo until" in said.stdout
    opened = Database(tmp_path / "d" / "jobs.db")
    (warmth,) = SqliteLearned(opened).warmed().values()
    opened.close()
    assert warmth.replicas == 2


def test_the_command_knows_its_workers(tmp_path):
    lit(tmp_path / "d")
    said = CliRunner().invoke(
        app, ["warm", "nobody", "--until", "2h", "--data", str(tmp_path / "d")]
    )

    assert said.exit_code == 4
    assert "nobody" in said.output
