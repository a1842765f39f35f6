"""A worker that an operator pauses on a machine of its own, and lets go on."""

from __future__ import annotations

import json

import pytest

from pilotlight import settings
from pilotlight.cli import checkup
from pilotlight.contracts import moves
from pilotlight.intake.cold_start import PAUSED


@pytest.fixture
def queued(services, make_job):
    def submit(name):
        now = services.clock.now()
        job = make_job(id=name, worker="echo", created_at=now, start_by=now + 600, due_at=now)
        services.store.create([job])
        return job

    return submit


def test_who_pauses_is_told_what_runs_and_what_waits(run, services, queued):
    held, _ = queued("first"), queued("second")
    now = services.clock.now()
    services.store.move(held.id, moves.lease(owner="echo-1", now=now, lease_s=60, margin_s=10))

    done = run("pause", "echo")

    assert done.stdout == "echo is paused: 1 run and are finished, 1 wait.\n"


def test_the_next_up_knows_of_it(run, services, queued):
    queued("waits")
    assert run("pause", "echo").exit_code == 0

    decision = services.controller.explain(services.clock.now())["echo"]
    assert (decision.start, decision.reason) == (0, "paused; 1 wait until it is not")
    assert services.control.view(services.store.get("waits")).cold == PAUSED


def test_whoever_looks_is_told(run, services, queued, data):
    queued("waits")
    run("pause", "echo")
    run("pause", "echo")

    fleet = run("fleet", "--why")
    assert "its jobs wait for `pilotlight resume echo`" in fleet.stderr
    assert "echo: paused; 1 wait" in fleet.stdout
    assert list(json.loads(run("fleet", "--json").stdout)["paused"]) == ["echo"]
    found = {one.check: one for one in checkup.look(settings.load(data=data))}
    assert found["paused echo"].state == "warning"
    assert "pilotlight resume echo" in found["paused echo"].said


def test_it_goes_on(run, services, queued, data):
    queued("waits")
    run("pause", "echo")

    assert run("resume", "echo").stdout == "echo goes on.\n"

    assert services.controller.explain(services.clock.now())["echo"].start == 1
    assert services.control.view(services.store.get("waits")).cold != PAUSED
    assert run("resume", "echo").stdout == "echo is not paused.\n"


@pytest.mark.parametrize(
    "words", [["pause", "echo"], ["resume", "echo"], ["warm", "echo", "--until", "1h"]]
)
def test_where_nobody_would_hear_it_nothing_is_said_and_no_folder_made(run, data, words):
    done = run(*words)

    assert done.exit_code == 4
    assert "nothing has run on" in done.stderr
    assert not data.exists()


def test_an_unknown_worker_is_told_which_there_are(run, services):
    done = run("pause", "nobody")

    assert done.exit_code == 4
    assert "there is no worker 'nobody' here; there are" in done.stderr
    assert "echo" in done.stderr


def test_one_whose_file_is_gone_can_still_be_resumed(run, services):
    services.overrules.pause("gone", now=1.0)

    assert run("resume", "gone").stdout == "gone goes on.\n"
    assert services.overrules.read() == {}
