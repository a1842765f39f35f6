"""The drop folder of a running product: files in, results beside them, each version once."""

from __future__ import annotations

import io
import json

import pytest
from PIL import Image
from typer.testing import CliRunner

from pilotlight.cli import app
from tests.live import KEY, until, up
from tests.receiver import receiver

ECHO = "pilotlight/echo"
PARROT = "tests/parrot"
LONG = {"text": "slow", "sleep_s": 3}


@pytest.fixture(scope="module")
def hook():
    with receiver() as made:
        yield made


@pytest.fixture(scope="module")
def live(tmp_path_factory, hook):
    settings = {
        "WORKERS": '["workers", "tests.workers.standins"]',
        "DROP__SETTLE_S": "0.2",
        "DROP__WEBHOOK": hook.url,
    }
    with up(tmp_path_factory.mktemp("drop"), settings=settings) as running:
        yield running


def put(live, key, content):
    path = live.data / "drop" / key
    path.parent.mkdir(parents=True, exist_ok=True)
    text = content if isinstance(content, bytes | str) else json.dumps(content)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def result(live, name):
    """What lies there, once it does."""
    path = live.data / "drop-results" / name
    until(path.exists, what=str(path))
    return json.loads(path.read_text())


def told(hook, job_id):
    while True:
        said = hook.next().json
        if job_id in json.dumps(said):
            return said


def test_a_json_input_becomes_a_job_and_its_result_lies_beside_it(live, hook):
    path = put(live, f"{ECHO}/mine/hello.json", {"text": "hello"})

    said = result(live, f"{ECHO}/mine/hello.json.result.json")

    assert (said["status"], said["output"]) == ("succeeded", {"text": "hello"})
    assert said["key"] == f"{ECHO}/mine/hello.json"
    assert json.loads(path.read_text()) == {"text": "hello"}
    assert told(hook, said["job_id"])["status"] == "succeeded"


def test_an_input_that_cannot_be_is_told_by_its_field(live):
    put(live, f"{ECHO}/wrong.json", {"text": 5})
    put(live, "nobody/knows/x.json", {})
    put(live, f"{ECHO}/empty.json", "")
    put(live, f"{ECHO}/broken.json", "{")

    wrong = result(live, f"{ECHO}/wrong.json.error.json")["error"]

    assert wrong["problems"][0]["loc"] == ["body", "text"]
    assert result(live, "nobody/knows/x.json.error.json")["error"]["code"] == "unknown_endpoint"
    empty = result(live, f"{ECHO}/empty.json.error.json")["error"]
    assert empty["problems"][0]["type"] == "empty_file"
    assert "JSON" in result(live, f"{ECHO}/broken.json.error.json")["error"]["message"]


def test_a_file_that_is_corrected_runs_and_its_error_goes(live):
    put(live, f"{ECHO}/later.json", {"text": 5})
    result(live, f"{ECHO}/later.json.error.json")

    put(live, f"{ECHO}/later.json", {"text": "good"})

    assert result(live, f"{ECHO}/later.json.result.json")["output"] == {"text": "good"}
    error = live.data / "drop-results" / f"{ECHO}/later.json.error.json"
    until(lambda: not error.exists(), what="the error's end")


def test_each_line_of_a_manifest_is_a_job_and_a_summary_ends_it(live, hook):
    lines = [
        {"text": "one", "custom_id": "first"},
        {"custom_id": "second", "input": {"text": "two"}},
        {"text": 3},
    ]
    put(live, f"{ECHO}/many.jsonl", "\n".join(map(json.dumps, lines)))

    summary = result(live, f"{ECHO}/many.jsonl.results/_summary.json")

    assert summary["counts"] == {
        "total": 3, "succeeded": 2, "failed": 1, "cancelled": 0, "expired": 0,
    }  # fmt: skip
    second = result(live, f"{ECHO}/many.jsonl.results/000002-second.result.json")
    assert (second["custom_id"], second["output"]) == ("second", {"text": "two"})
    third = result(live, f"{ECHO}/many.jsonl.results/000003.error.json")
    assert third["error"]["problems"][0]["loc"] == ["body", "text"]
    assert told(hook, summary["group_id"])["output"]["failed"] == 1


def test_a_manifest_that_cannot_be_read_names_its_lines(live):
    put(live, f"{ECHO}/bad.jsonl", '{"text": "x"}\n{"text": \n[]')

    error = result(live, f"{ECHO}/bad.jsonl.error.json")["error"]

    assert [one["context"]["line"] for one in error["problems"]] == [2, 3]


def test_openais_batch_file_does_the_same_when_it_is_dropped(live):
    body = {"model": PARROT, "messages": [{"role": "user", "content": "hi"}]}
    line = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": body}
    put(live, "any/folder/batch.jsonl", json.dumps(line))

    summary = result(live, "any/folder/batch.jsonl.results/_summary.json")

    assert summary["counts"]["succeeded"] == 1
    path = live.data / "drop-results/any/folder/batch.jsonl.results/output.jsonl"
    answer = json.loads(path.read_text())
    assert answer["custom_id"] == "a"
    assert answer["response"]["body"]["choices"][0]["message"]["content"] == "hi"


def test_a_picture_goes_into_the_field_that_takes_it(live):
    made = io.BytesIO()
    Image.new("RGB", (8, 8), "#102030").save(made, "png")
    edit = "tests/painter/edit"
    put(live, f"{edit}/_defaults.json", {"prompt": "a red star"})
    put(live, f"{edit}/cat.png", made.getvalue())

    said = result(live, f"{edit}/cat.png.result.json")

    (name,) = said["files"]
    assert (live.data / "drop-results" / edit / name).read_bytes()[:4] == b"\x89PNG"


def test_the_command_shows_how_far_the_files_are(live, monkeypatch):
    put(live, f"{ECHO}/shown.json", {"text": "seen", "sleep_s": 1})
    monkeypatch.setenv("PILOTLIGHT_WORKERS", '["workers", "tests.workers.standins"]')

    shown = CliRunner().invoke(app, ["drop", "--watch", "--data", str(live.data)])
    listed = CliRunner().invoke(app, ["drop", "--json", "--data", str(live.data)])

    assert shown.exit_code == 0, shown.output
    assert "0 files in" in shown.stdout
    assert json.loads(listed.stdout)["pending"] == 0
    assert (live.data / f"drop-results/{ECHO}/shown.json.result.json").exists()


def test_whoever_is_killed_each_version_runs_once(tmp_path):
    settings = {"DROP__SETTLE_S": "0.2"}
    with up(tmp_path, settings=settings) as live:
        for number in range(6):
            put(live, f"{ECHO}/{number}.json", {"text": str(number), "sleep_s": 0.3})
        lines = [{"text": str(number), "sleep_s": 0.1} for number in range(20)]
        put(live, f"{ECHO}/many.jsonl", "\n".join(map(json.dumps, lines)))
        for number in range(3):
            result(live, f"{ECHO}/{number}.json.result.json")
            live.kill_everything()
            live.start()
        summary = result(live, f"{ECHO}/many.jsonl.results/_summary.json")
        for number in range(6):
            assert result(live, f"{ECHO}/{number}.json.result.json")["output"] == {
                "text": str(number)
            }
        jobs = live.ask("GET", "/api/jobs?limit=100", key=KEY).json["jobs"]

    assert summary["counts"]["succeeded"] == 20
    assert len([one for one in jobs if one["endpoint"] == ECHO]) == 26
