"""The command line against a running product, as a script uses it and as a terminal shows it."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
from dataclasses import replace

import pytest
from PIL import Image
from typer.testing import CliRunner

from pilotlight.cli import app, running
from tests.live import KEY, ROOT, environment, until, up
from tests.receiver import receiver

WORKERS = '["workers", "tests.probes"]'
ECHO = "pilotlight/echo"
PATIENCE_S = 60


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    with up(tmp_path_factory.mktemp("cli"), settings={"WORKERS": WORKERS}) as started:
        yield started


@pytest.fixture
def run(live, monkeypatch):
    monkeypatch.setenv("PILOTLIGHT_DATA", str(live.data))
    monkeypatch.setenv("PILOTLIGHT_WORKERS", WORKERS)

    def run(*words, **more):
        return CliRunner().invoke(app, words, **more)

    return run


@pytest.fixture
def long_job(run):
    """A job that runs until somebody ends it."""
    job_id = run("submit", ECHO, "text=still here", "sleep_s=3000").stdout.strip()
    yield job_id
    run("cancel", job_id)


def command(live, *words):
    given = environment(PILOTLIGHT_DATA=str(live.data), PILOTLIGHT_WORKERS=WORKERS)
    return {"args": [sys.executable, "-m", "pilotlight.cli", *words], "cwd": ROOT, "env": given}


def test_up_tells_the_other_commands_where_it_is_until_it_ends(tmp_path):
    with up(tmp_path) as started:
        found = running.read(tmp_path)
        log = (tmp_path / "up.log").read_text()

        assert (found.url, found.key, found.pid) == (started.url, KEY, started.process.pid)
        assert f"export FAL_KEY={KEY}" in log
        assert f"{started.url}/api/fal/proxy" in log
        assert "pilotlight/shapes" in log
        assert started.stop() == 0
    assert running.read(tmp_path) is None


def test_up_tells_how_it_scales(tmp_path):
    held = '{"echo": {"max_replicas": 0}}'
    with up(tmp_path, settings={"SCALING__WORKERS": held}):
        told = running.read(tmp_path).settings

    assert told["scaling"]["workers"] == json.loads(held)


def test_up_loads_nothing_that_draws_or_fetches(tmp_path):
    script = (
        "import sys; sys.argv = ['pilotlight', 'up', '--port', '0', '--data', sys.argv[1]]\n"
        "import os, signal; from pilotlight.cli import app; from pilotlight.cli.up import running\n"
        "tell = running.announce\n"
        "def then(*given):\n"
        "    tell(*given); os.kill(os.getpid(), signal.SIGTERM)\n"
        "running.announce = then\n"
        "try: app()\n"
        "finally: print(sorted({name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=True,
    )  # fmt: skip
    loaded = set(json.loads(done.stdout.splitlines()[-1].replace("'", '"')))

    assert {"pilotlight", "typer", "uvicorn"} <= loaded
    assert loaded & {"rich", "boto3", "celery", "httpx", "torch", "diffusers"} == set()


def test_status_lists_the_attempts_at_a_job(run):
    job_id = run("submit", ECHO, "text=hello").stdout.strip()
    run("result", "--wait", job_id)
    lines = run("status", "--attempts", job_id).stdout.splitlines()
    told = json.loads(run("status", "--attempts", "--json", job_id).stdout)

    assert lines[0] == "done"
    assert lines[1].split()[:2] == ["TRY", "REPLICA"]
    assert "succeeded" in lines[2]
    assert [attempt["outcome"] for attempt in told["attempts"]] == ["succeeded"]


def test_a_job_is_found_in_the_list_and_done_again(live, run):
    job_id = run("submit", ECHO, "text=once more").stdout.strip()
    run("result", "--wait", job_id)

    again = run("retry", job_id).stdout.strip()

    assert again != job_id
    assert json.loads(run("result", "--wait", again).stdout) == {"text": "once more"}
    assert [one["id"] for one in json.loads(run("jobs", "-n", "2", "--json").stdout)] == [
        again,
        job_id,
    ]


def test_a_second_up_on_the_same_data_is_refused_and_leaves_the_first_alone(live, run):
    done = run("up", "--port", "0")

    assert done.exit_code == 2
    assert "already served" in done.stderr
    assert running.read(live.data).pid == live.process.pid


def test_a_submit_prints_the_id_and_nothing_else(live, run):
    done = run("submit", ECHO, "text=hi")

    assert done.exit_code == 0
    assert done.stdout == done.stdout.strip() + "\n"
    assert live.finished(ECHO, done.stdout.strip()).json == {"text": "hi"}


def test_a_watched_job_ends_with_its_result(run):
    done = run("submit", ECHO, "text=42", "sleep_s=0.2", "--watch")

    assert done.exit_code == 0
    assert json.loads(done.stdout) == {"text": "42"}
    assert "done in" in done.stderr


def test_input_may_come_as_json_with_words_on_top(run):
    done = run("submit", ECHO, "text=words win", "--json", "-", "-w", input='{"text": "file"}')

    assert json.loads(done.stdout) == {"text": "words win"}


@pytest.mark.timeout(240)
def test_a_picture_is_saved_and_named(run, tmp_path):
    done = run("submit", "pilotlight/shapes", "prompt=a red star", "--save", str(tmp_path / "new"))

    assert done.exit_code == 0, done.stderr
    (path,) = (tmp_path / "new").iterdir()
    assert done.stdout.strip() == str(path)
    with Image.open(path) as picture:
        assert picture.size == (96, 96)


def test_a_file_is_uploaded_and_its_url_passed(run, tmp_path):
    Image.new("RGB", (31, 17)).save(tmp_path / "photo.png")

    done = run(
        "submit", "tests/measure-picture", "--file", f"image_url={tmp_path / 'photo.png'}", "-w"
    )

    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout) == {"width": 31, "height": 17, "layers": 0}


def test_logs_are_printed_as_the_worker_said_them(run):
    job_id = run("submit", "tests/talkative", "lines=one [red]", "lines=two").stdout.strip()

    followed = run("logs", "-f", job_id)
    assert followed.stdout.splitlines() == ["one [red]", "two", "that was all"]
    assert run("logs", job_id).stdout == followed.stdout


def test_a_job_that_logged_nothing_is_said_to_have(run):
    job_id = run("submit", ECHO, "text=x").stdout.strip()

    done = run("logs", job_id)
    assert (done.stdout, done.exit_code) == ("", 0)
    assert "nothing so far" in done.stderr


def test_a_failed_job_is_an_error_with_its_reason(run, live):
    done = run("submit", "tests/talkative", "fail=true", "--watch")

    assert done.exit_code == 1
    assert "it was asked to fail" in done.stderr
    assert done.stdout == ""
    log = live.data / "up.log"
    until(lambda: '"event": "jobs.failed"' in log.read_text(), what="a word in up's terminal")


def test_a_running_job_can_be_looked_at_cancelled_and_not_read(run, long_job):
    early = run("result", long_job)
    assert (early.exit_code, early.stdout) == (5, "")

    assert json.loads(run("status", "--json", long_job).stdout)["request_id"] == long_job
    assert run("cancel", long_job).exit_code == 0
    assert run("status", long_job).stdout == "cancelled\n"
    assert run("cancel", long_job).exit_code == 1
    assert run("result", "--wait", long_job).exit_code == 1


def test_a_result_can_be_read_again(run):
    job_id = run("submit", ECHO, "text=again").stdout.strip()

    assert json.loads(run("result", "--wait", job_id).stdout) == {"text": "again"}
    assert json.loads(run("result", job_id).stdout) == {"text": "again"}
    assert run("status", job_id).stdout == "done\n"


def test_a_webhook_is_delivered_and_listed(run, live):
    with receiver() as listening:
        done = run("submit", ECHO, "text=hook", "--webhook", listening.url)
        assert listening.next().json["request_id"] == done.stdout.strip()
    assert listening.url in run("webhooks", "list").stdout


WRONG = {
    "an endpoint nobody serves": (["submit", "pilotlight/ecko", "text=x"], 4, "pilotlight/echo?"),
    "a key that is not there": (["submit", ECHO, "txt=x"], 2, "did you mean text?"),
    "a value of the wrong kind": (["submit", ECHO, "text=x", "sleep_s=long"], 2, "a number"),
    "a value out of range": (["submit", ECHO, "text=x", "sleep_s=9999"], 2, "sleep_s: "),
    "something missing": (["submit", ECHO], 2, "text: "),
    "a file that is not there": (["submit", ECHO, "--file", "text=/no/where"], 2, "KEY=PATH"),
    "input that is not JSON": (["submit", ECHO, "--json", "/dev/null"], 2, "is not JSON"),
    "a start timeout of nothing": (["submit", ECHO, "text=x", "--start-timeout", "0"], 2, "0.1"),
    "another's key": (["submit", ECHO, "text=x", "--key", "wrong"], 2, "PILOTLIGHT_KEY"),
    "nobody there": (["submit", ECHO, "text=x", "--url", "http://127.0.0.1:9"], 3, "answers at"),
    "no URL": (["status", "x", "--url", "127.0.0.1:9"], 2, "--url takes"),
    "no such job": (["status", "01983f60"], 4, "no such job"),
    "no such job's result": (["result", "a?b"], 4, "no such job"),
    "no such job's logs": (["logs", "-f", "x"], 4, "no such job"),
    "nothing to cancel": (["cancel", "x"], 4, "no such job"),
    "a status of nothing": (["status"], 2, "`pilotlight jobs` lists them"),
    "nothing to do again": (["retry", "x"], 4, "no such job"),
    "no such command": (["sumbit"], 2, "submit"),
}


@pytest.mark.parametrize(("words", "code", "told"), WRONG.values(), ids=WRONG)
def test_what_goes_wrong_has_a_code_and_a_sentence(run, words, code, told):
    done = run(*words)

    assert done.exit_code == code
    assert told in done.stderr
    assert done.stdout == ""


def test_ctrl_c_leaves_the_job_alone_and_says_how_to_go_on(live, run):
    watching = subprocess.Popen(
        **command(live, "submit", ECHO, "text=x", "sleep_s=3000", "--watch"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with watching:
        while "running" not in watching.stderr.readline():
            assert watching.poll() is None
        watching.send_signal(signal.SIGINT)
        told = watching.stderr.read()
        assert watching.wait(PATIENCE_S) == 130

    job_id = told.split("pilotlight cancel ")[1].strip()
    assert f"pilotlight result --wait {job_id}" in told
    assert run("status", job_id).stdout.startswith("running")
    assert run("cancel", job_id).exit_code == 0


def test_a_terminal_is_told_how_to_go_on_too(live):
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        **command(live, "submit", ECHO, "text=x"), stdin=theirs, stdout=theirs, stderr=theirs
    ) as submitting:
        os.close(theirs)
        told = b""
        with contextlib.suppress(OSError):  # EIO: the other end is closed
            while piece := os.read(ours, 4096):
                told += piece
        os.close(ours)
    job_id, hint = told.decode().splitlines()

    assert submitting.returncode == 0
    assert f"pilotlight result --wait {job_id}" in hint


def test_an_endpoint_whose_file_is_newer_than_up_says_so(live, run, tmp_path, monkeypatch):
    package = tmp_path / "newer_files"
    package.mkdir()
    (package / "__init__.py").touch()
    source = (ROOT / "workers" / "echo.py").read_text()
    (package / "parrot.py").write_text(
        source.replace('"echo"', '"parrot"').replace("pilotlight/echo", "newer/parrot")
    )
    monkeypatch.syspath_prepend(tmp_path)
    known = running.read(live.data)
    monkeypatch.setattr(
        running, "read", lambda _data: replace(known, workers=[*known.workers, package.name])
    )

    done = run("submit", "newer/parrot", "text=hello")

    assert done.exit_code == 4
    assert "a worker file here does: start `pilotlight up` again" in done.stderr
