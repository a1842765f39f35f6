"""A relayed job that ends while no replica has it is cancelled upstream all the same."""

from __future__ import annotations

import json

import pytest

from pilotlight.contracts.job import JobStatus
from pilotlight.execution.dead_letters import Undertaker
from pilotlight.ports.queue import DeadLetter
from tests.dialects.stage import services_in
from tests.live import until
from tests.workers.upstream_server import Told, upstream_server

CALLED = "fal-ai/kling-video/v2/master/text-to-video"
CANCEL = "PUT /queue/fal-ai/kling-video/requests/r-1/cancel"


@pytest.fixture
def server():
    with upstream_server() as made:
        made.tell(CANCEL, Told({"status": "CANCELLATION_REQUESTED"}, 202))
        yield made


@pytest.fixture
def services(server, tmp_path, clock, monkeypatch):
    told = {"fal": {"url": f"{server.url}/queue", "key_env": "RELAY_KEY"}}
    monkeypatch.setenv("RELAY_KEY", "k")
    monkeypatch.setenv("PILOTLIGHT_UPSTREAMS", json.dumps(told))
    with services_in(tmp_path / "data", clock, workers=("workers",)) as made:
        yield made


@pytest.fixture
def between_attempts(services, make_job):
    """A row that waits for its next attempt, with what the last one kept."""

    def made(note='{"number": 1, "asked": true, "id": "r-1"}', **more):
        row = {"endpoint": CALLED, "worker": "relayed-fal", "status": JobStatus.RETRYING}
        (created,) = services.store.create([make_job(**row, note=note, **more)])
        return created.job

    return made


def lines(services, job):
    return [json.loads(entry.body)["message"] for entry in services.feed.read(job.id, kind="log")]


def test_a_cancelled_one_is(services, server, between_attempts):
    job = between_attempts()
    services.control.cancel(job.id, caller=job.caller)

    until(lambda: lines(services, job), what="what came of it")
    assert len(server.of(CANCEL)) == 1
    assert lines(services, job) == ["asked fal to cancel r-1: 202"]


def test_one_that_expires_is(services, server, between_attempts, clock):
    job = between_attempts(start_by=clock.now() + 10, due_at=clock.now() + 10)
    clock.sleep(11)
    services.reaper()

    assert services.store.get(job.id).status is JobStatus.EXPIRED
    until(lambda: server.of(CANCEL), what="the cancel upstream")


@pytest.mark.parametrize("note", [None, '{"number": 1}'])
def test_one_that_never_got_there_asks_nobody(services, server, between_attempts, note):
    job = between_attempts(note=note)
    services.control.cancel(job.id, caller=job.caller)
    other = between_attempts(caller="bob")
    services.control.cancel(other.id, caller="bob")

    until(lambda: server.of(CANCEL), what="the other one's cancel")
    assert len(server.asked) == 1


def test_an_upstream_that_is_away_stops_no_cancel(services, between_attempts, monkeypatch):
    monkeypatch.setenv("RELAY_KEY", "")
    job = between_attempts()

    assert services.control.cancel(job.id, caller=job.caller).status is JobStatus.CANCELLED


def test_one_whose_message_is_a_dead_letter_is(services, server, between_attempts, clock):
    job = between_attempts(attempts=4, max_attempts=4)
    letter = DeadLetter(job.id, sent_at=clock.now(), receives=7, token="t")

    class Letters:
        def receive(self, *, limit):
            return there[:limit]

        def drop(self, one):
            there.remove(one)

    there, let_go = [letter], services.reaper.let_go
    bury = Undertaker(Letters(), services.store, services.announcer, orphan_s=900, let_go=let_go)
    assert bury(clock.now()) == {"failed": 1}
    until(lambda: server.of(CANCEL), what="the cancel upstream")
