"""An operator's commands on a data folder, while nothing runs."""

from __future__ import annotations

import dataclasses
import json
import os

import pytest
import standardwebhooks

from pilotlight.adapters.local.database import Database
from pilotlight.adapters.local.replicas import ReplicaRows
from pilotlight.adapters.local.roster import SqliteRoster
from pilotlight.bootstrap.local import database_path
from pilotlight.cli import running
from pilotlight.contracts import moves
from pilotlight.contracts.job import JobError
from pilotlight.errors import Unauthenticated


@pytest.fixture
def finished(services, make_job):
    """A job that is over, with a webhook that was delivered."""
    now = services.clock.now()

    def finish(**fields):
        job = make_job(
            id=f"job-{services.clock.monotonic()}", created_at=now, start_by=now + 60,
            due_at=now, webhook="http://127.0.0.1:9/hook", **fields,
        )  # fmt: skip
        services.store.create([job])
        services.store.move(job.id, moves.cancel(job, now=now))
        leased = services.store.move(job.id, moves.lease_webhook(
            services.store.get(job.id), now=now, lease_s=30,
        ))  # fmt: skip
        services.store.move(job.id, moves.settle_webhook(leased, due_at=None, state="delivered"))
        return job.id

    return finish


EMPTY = {
    "fleet": (["fleet"], "Nothing has run on"),
    "jobs": (["jobs"], "No jobs yet."),
    "keys": (["keys", "list"], "No keys yet."),
    "webhooks": (["webhooks", "list"], "No job has a webhook yet."),
}


@pytest.mark.parametrize(("words", "told"), EMPTY.values(), ids=EMPTY)
def test_an_empty_place_is_said_in_a_sentence_and_left_empty(run, data, words, told):
    done = run(*words)

    assert done.exit_code == 0
    assert told in done.stderr
    assert done.stdout == ""
    assert not data.exists()


def test_no_replicas_are_no_trouble(run, services, data):
    running.announce(data, running.Running("http://127.0.0.1:9", "key", os.getpid(), ["workers"]))

    done = run("fleet", "--why")

    assert "No replicas run. They start when a job needs them." in done.stderr
    assert "nothing to decide" in done.stdout


def test_the_scaler_thinks_by_the_settings_of_the_up_that_runs(run, services, make_job, data):
    now = services.clock.now()
    services.store.create([make_job(created_at=now - 100, start_by=now + 60)])
    told = {"scaling": {"workers": {"echo": {"max_replicas": 0}}}}
    announced = running.Running("http://127.0.0.1:9", "k", os.getpid(), ["workers"], settings=told)
    running.announce(data, announced)

    assert "0 is the most" in run("fleet", "--why").stdout


def test_a_fleet_that_nobody_would_start_is_told_so(run, services):
    assert "Nor does `pilotlight up`" in run("fleet").stderr


def test_jobs_are_counted_by_caller_and_by_why_they_failed(run, services, make_job):
    now = services.clock.now()
    for n, (caller, why) in enumerate(
        [("alice", "no room"), ("bob", "no weights"), ("bob", "no room"), ("bob", None)]
    ):
        job = make_job(id=f"job-{n}", caller=caller, created_at=now - 100 + n, due_at=now,
                       start_by=now + 60)  # fmt: skip
        services.store.create([job])
        if why:
            move = moves.lease(owner="echo-1", now=now, lease_s=60, margin_s=10)
            held = services.store.move(job.id, move)
            error = JobError("worker_error", f"{why}\nand a trace")
            services.store.move(job.id, moves.fail(held, now=now, error=error))

    found = json.loads(run("jobs", "--by", "caller", "--json").stdout)
    assert [(one["jobs"], one["caller"], one["last_id"]) for one in found] == [
        (3, "bob", "job-3"), (1, "alice", "job-0"),
    ]  # fmt: skip
    assert found[0]["first_at"] == pytest.approx(now - 99)
    lines = run("jobs", "--status", "failed", "--by", "why").stdout.splitlines()
    assert [line.split("  ")[0].strip() for line in lines] == ["JOBS", "2", "1"]
    assert "no room" in lines[1]
    assert "trace" not in lines[1]


def test_jobs_of_all_callers_are_listed_newest_first_with_why_they_failed(run, services, make_job):
    now = services.clock.now()
    old = make_job(id="job-1", caller="alice", created_at=now - 7200, due_at=now)
    new = make_job(id="job-2", caller="bob", created_at=now - 60, due_at=now)
    services.store.create([old])
    services.store.create([new])
    services.store.move("job-1", moves.cancel(old, now=now))

    ids = [line.split()[0] for line in run("jobs").stdout.splitlines()]
    told = json.loads(run("jobs", "--json").stdout)

    assert ids == ["JOB", "job-2", "job-1"]
    assert [(one["caller"], one["status"]) for one in told] == [
        ("bob", "accepted"),
        ("alice", "cancelled"),
    ]
    assert told[0]["error"] is None
    assert "cancelled" in told[1]["error"]


@pytest.mark.parametrize(
    ("words", "left"),
    [
        (["--status", "cancelled"], ["job-1"]),
        (["--status", "failed", "-s", "cancelled"], ["job-1"]),
        (["--since", "1h"], ["job-2"]),
        (["--caller", "bob"], ["job-2"]),
        (["--endpoint", "acme/nothing"], []),
        (["-n", "1"], ["job-2"]),
    ],
)
def test_a_list_of_jobs_is_narrowed(run, services, make_job, words, left):
    now = services.clock.now()
    old = make_job(id="job-1", caller="alice", created_at=now - 7200, due_at=now)
    services.store.create([old])
    services.store.create([make_job(id="job-2", caller="bob", created_at=now, due_at=now)])
    services.store.move("job-1", moves.cancel(old, now=now))

    done = run("jobs", "--json", *words)

    assert [one["id"] for one in json.loads(done.stdout)] == left


def test_an_unknown_status_is_answered_with_those_there_are(run):
    done = run("jobs", "--status", "broken")

    assert done.exit_code == 2
    assert "'failed'" in done.stderr


def test_the_fleet_says_what_runs_why_and_what_failed(run, services, make_job):
    now = services.clock.now()
    services.store.create([make_job(created_at=now - 100, start_by=now + 60)])
    database = Database(database_path(services.settings))
    replicas, roster = ReplicaRows(database), SqliteRoster(database)
    for name in ("echo-1", "echo-2"):
        replicas.add(name, "echo", slots=1, now=now)
    roster.report("echo-1", "ready", now=now)
    roster.report("echo-2", "failed", now=now, error="no CUDA")
    database.close()

    done = run("fleet", "--why")

    assert "echo-1" in done.stdout
    assert "echo-2" not in done.stdout
    assert "echo: 1 wait, 0 run, 1 live, 1 wanted" in done.stdout
    assert "echo did not start 0 s ago: no CUDA" in done.stderr
    told = json.loads(run("fleet", "--json").stdout)["replicas"]
    assert [(one["id"], one["stage"]) for one in told] == [
        ("echo-1", "ready"),
        ("echo-2", "failed"),
    ]


def test_starts_that_failed_are_one_line_each_worker_until_one_succeeds(run, services, data):
    now = services.clock.now()
    database = Database(database_path(services.settings))
    replicas, roster = ReplicaRows(database), SqliteRoster(database)
    for name, worker, stage in (
        ("shapes-1", "shapes", "failed"),
        ("shapes-2", "shapes", "ready"),
        ("echo-1", "echo", "ready"),
        ("echo-2", "echo", "failed"),
        ("echo-3", "echo", "failed"),
    ):
        now += 1
        replicas.add(name, worker, slots=1, now=now)
        roster.report(name, stage, now=now, error="no CUDA" if stage == "failed" else "")
    database.close()
    log = data / "logs" / "echo-3.log"
    log.parent.mkdir(exist_ok=True)
    log.touch()

    said = run("fleet").stderr

    assert "echo did not start 2 times, the last 0 s ago: no CUDA" in said
    assert f"its log: {log}" in said
    assert "shapes did not start" not in said


def test_the_fleet_of_workers_from_elsewhere_is_thought_about_too(run, services, make_job, data):
    serving = running.Running("http://127.0.0.1:9", "key", os.getpid(), ["tests.journeys.paced"])
    running.announce(data, serving)
    now = services.clock.now()
    services.store.create([make_job(worker="paced", created_at=now, start_by=now + 60)])

    assert "paced: 1 wait" in run("fleet", "--why").stdout


def test_a_key_is_shown_once_works_and_can_be_revoked(run, services):
    made = run("keys", "create", "--caller", "alice", "--name", "laptop", "--expires", "2d")
    text = made.stdout.strip()

    assert services.authenticate(f"Key {text}").caller == "alice"
    listed = run("keys", "list").stdout
    assert "laptop" in listed
    assert "live for 1 d" in listed
    assert text not in listed
    (record,) = json.loads(run("keys", "list", "--json").stdout)
    assert "secret_hash" not in record
    assert run("keys", "revoke", record["id"]).exit_code == 0
    with pytest.raises(Unauthenticated):
        dataclasses.replace(services.authenticate, _known={})(f"Key {text}")
    assert "revoked" in run("keys", "list").stdout


def test_a_rotated_key_and_its_successor_both_work_until_the_old_one_ends(run, services):
    old = run(
        "keys", "create", "--caller", "alice", "--scope", "jobs:read", "--expires", "never",
        "--rate", "5", "--queued", "7",
    ).stdout.strip()  # fmt: skip
    (record,) = json.loads(run("keys", "list", "--json").stdout)
    new = run("keys", "rotate", record["id"], "--overlap", "6h").stdout.strip()

    known = [services.authenticate(f"Key {text}") for text in (old, new)]
    assert known[0] == known[1]
    assert known[0].scopes == {"jobs:read"}
    assert (known[0].limits.requests_per_s, known[0].limits.queued_jobs) == (5, 7)
    listed = json.loads(run("keys", "list", "--json").stdout)
    left = sorted(round(one["expires_at"] - record["created_at"], -2) for one in listed)
    assert left == [6 * 3600, 90 * 86400]
    assert run("keys", "rotate", "nobody").exit_code == 4


def test_a_scope_that_does_not_exist_is_refused_in_words(run):
    done = run("keys", "create", "--caller", "alice", "--scope", "jobs:everything")

    assert done.exit_code == 2
    assert "there are jobs:write, jobs:read, jobs:cancel" in done.stderr


def test_a_key_that_is_not_there_cannot_be_revoked(run):
    done = run("keys", "revoke", "nobody")

    assert done.exit_code == 4
    assert "no live key has the id nobody" in done.stderr


def test_webhooks_are_listed_and_replayed_by_id(run, services, finished):
    job_id = finished()

    assert "delivered" in run("webhooks", "list").stdout
    done = run("webhooks", "replay", job_id)
    assert done.stdout.split() == [job_id]
    assert "1 webhook will be posted again" in done.stderr
    assert services.store.get(job_id).webhook_due is not None
    (fact,) = json.loads(run("webhooks", "list", "--json").stdout)
    assert (fact["job_id"], fact["state"]) == (job_id, "due")


def test_webhooks_are_replayed_since_a_time(run, services, finished):
    finished()
    finished()

    assert "2 webhooks" in run("webhooks", "replay", "--since", "1h").stderr
    assert "0 webhooks" in run("webhooks", "replay", "--since", "0s").stderr


def test_a_replay_names_jobs_or_a_time(run):
    assert run("webhooks", "replay").exit_code == 2
    assert run("webhooks", "replay", "id", "--since", "1h").exit_code == 2
    assert run("webhooks", "replay", "--since", "yesterday").exit_code == 2


def test_a_replay_of_an_unknown_job_is_not_found(run, services):
    assert run("webhooks", "replay", "nope").exit_code == 4


def test_the_secret_checks_what_the_signer_signs(run, services):
    first = run("webhooks", "secret", "--caller", "alice").stdout.strip()
    again = run("webhooks", "secret", "--caller", "alice").stdout.strip()
    rotated = run("webhooks", "secret", "--caller", "alice", "--rotate").stdout.strip()

    assert first == again != rotated
    assert standardwebhooks.Webhook(rotated)
    mine = run("webhooks", "secret").stdout.strip()
    assert services.signer.active_secrets("dev", services.clock.now()) == [mine]
    assert services.signer.active_secrets("alice", services.clock.now()) == [rotated, first]


def test_endpoints_are_listed_with_their_contracts(run):
    done = run("endpoints")
    contracts = {one["id"]: one for one in json.loads(run("endpoints", "--json").stdout)}

    assert "pilotlight/echo" in done.stdout
    assert "text" in contracts["pilotlight/echo"]["input"]["properties"]


def test_a_folder_without_workers_is_told_so(run, monkeypatch):
    monkeypatch.setenv("PILOTLIGHT_WORKERS", '["nowhere_at_all"]')

    done = run("endpoints")

    assert done.exit_code == 2
    assert "worker files" in done.stderr


def test_up_outside_a_deployment_is_told_so(run, data, monkeypatch):
    monkeypatch.setenv("PILOTLIGHT_HANDLERS", "nowhere_at_all")

    done = run("up")

    assert done.exit_code == 2
    assert "there is no folder `nowhere_at_all` here" in done.stderr
    assert not data.exists()


def test_the_drop_folder_tells_what_failed_and_where_it_says_so(run, services, data):
    told = data / "drop-results" / "pilotlight" / "echo" / "a.jsonl.results" / "000002.error.json"
    told.parent.mkdir(parents=True)
    told.write_text(json.dumps({"error": {"message": "body.text: Field required"}}))

    done = run("drop")

    assert "0 results in" in done.stdout
    assert "1 error there; the newest:" in done.stdout
    assert f"{told}: body.text: Field required" in done.stderr
    assert json.loads(run("drop", "--json").stdout)["failed"] == 1
