"""Agents on the real product: a run in one call, a webhook, a cancel, and every process killed."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from pilotlight.cli import app
from tests.live import ROOT, until, up
from tests.receiver import receiver
from tests.signatures import fal_signature_holds

ECHO = "pilotlight/echo"


def say(node_id, text, **more):
    return {"id": node_id, "model": ECHO, "payload": {"text": text}, **more}


def slow(node_id, text, seconds, **more):
    return {"id": node_id, "model": ECHO, "payload": {"text": text, "sleep_s": seconds}, **more}


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    with up(tmp_path_factory.mktemp("agents")) as running:
        yield running


def run_of(live, run_id):
    return live.ask("GET", f"/api/agent-runs/{run_id}").json


def ended(live, run_id):
    return until(
        lambda: (seen := run_of(live, run_id))["status"] != "running" and seen,
        what=f"the end of run {run_id}",
    )


def test_a_kept_agent_runs_in_one_call(live):
    nodes = [
        say("a", "{{input.word}}"),
        say("each", "{{item}} of {{nodes.a.output.text}}", map="{{input.list}}"),
        {"id": "last", "model": "echo", "payload": {"text": "{{nodes.each.output.1.text}}!"}},
    ]
    kept = live.ask("POST", "/api/agents", {"name": "sayings", "nodes": nodes})
    assert (kept.status, kept.json["version"]) == (201, 1)

    body = {"input": {"word": "bread", "list": ["crust", "slice"]}, "sync": True}
    answer = live.ask("POST", f"/api/agents/{kept.json['id']}/runs", body)

    assert answer.status == 200, answer
    run = answer.json
    assert (run["status"], run["output"]) == ("succeeded", {"last": {"text": "slice of bread!"}})
    assert run["agent"] == {"id": kept.json["id"], "version": 1}
    assert [(node["id"], node["needs"]) for node in run["nodes"]] == [
        ("a", []), ("each", ["a"]), ("last", ["each"]),
    ]  # fmt: skip
    assert run["nodes"][1]["map"] == {"total": 2, "succeeded": 2}
    with_outputs = live.ask("GET", f"/api/agent-runs/{run['id']}?outputs=1").json
    assert with_outputs["nodes"][0]["output"] == {"text": "bread"}


def test_a_new_version_does_not_touch_the_old_one(live):
    agent = live.ask("POST", "/api/agents", {"nodes": [say("a", "one")]}).json
    second = live.ask("PUT", f"/api/agents/{agent['id']}", {"nodes": [say("a", "two")]})
    assert (second.status, second.json["version"]) == (200, 2)

    runs = [
        live.ask("POST", f"/api/agents/{agent['id']}/runs", {"sync": True, **more}).json
        for more in ({}, {"version": 1})
    ]

    assert [run["output"]["a"]["text"] for run in runs] == ["two", "one"]
    assert live.ask("DELETE", f"/api/agents/{agent['id']}").status == 204
    assert live.ask("GET", f"/api/agents/{agent['id']}").status == 404


def test_what_cannot_run_is_refused_by_node_and_field(live):
    answer = live.ask("POST", "/api/agent-runs", {"nodes": [say("a", "{{nodes.b.output.text}}")]})

    assert answer.status == 422
    assert answer.json["error"]["field"] == "nodes.a.payload.text"
    shape = live.ask("POST", "/api/agent-runs", {"nodes": [say("a", "x", colour="red")]})
    assert shape.json["error"]["field"] == "nodes.a.colour"
    assert live.ask("GET", "/api/agent-runs/nobody").json["error"]["code"] == "unknown_run"


def test_a_run_is_announced_once_with_its_output(live):
    with receiver() as hook:
        wish = {
            "nodes": [say("a", "hi"), say("b", "{{nodes.a.output.text}}!")],
            "webhook": hook.url,
        }
        run_id = live.ask("POST", "/api/agent-runs", wish).json["id"]
        posted = hook.next()

    assert posted.json["type"] == "agent_run.succeeded"
    assert posted.json["run"]["id"] == run_id
    assert posted.json["run"]["output"] == {"b": {"text": "hi!"}}
    assert posted.headers["webhook-id"] == f"wh_{run_id}_succeeded"
    assert hook.posted.empty()


def test_a_cancel_stops_what_runs_and_what_waits(live):
    wish = {"nodes": [slow("a", "x", 3000), say("b", "{{nodes.a.output.text}}")]}
    run_id = live.ask("POST", "/api/agent-runs", wish).json["id"]
    until(lambda: run_of(live, run_id)["nodes"][0]["status"] == "running", what="node a to run")

    answer = live.ask("POST", f"/api/agent-runs/{run_id}/cancel")

    assert (answer.status, answer.json["status"]) == (200, "cancelled")
    until(
        lambda: {node["status"] for node in run_of(live, run_id)["nodes"]} == {"cancelled"},
        what="every node to be cancelled",
    )
    assert live.ask("POST", f"/api/agent-runs/{run_id}/cancel").status == 409


@pytest.fixture
def command(live, monkeypatch, tmp_path):
    monkeypatch.setenv("PILOTLIGHT_DATA", str(live.data))
    monkeypatch.chdir(ROOT)

    def command(*words):
        return CliRunner().invoke(app, ["agents", *words])

    return command


@pytest.fixture
def story(tmp_path):
    nodes = [
        say("words", "{{input.topic}}"),
        {
            "id": "draw",
            "task": "fal/text-to-image",
            "model": "shapes",
            "payload": {"prompt": "{{nodes.words.output.text}}"},
        },
        say("each", "{{item}}", map="{{input.list}}", needs=["words"]),
        say("end", "{{nodes.each.output.0.text}}", needs=["draw"]),
    ]
    output = {"picture": "{{nodes.draw.output.images.0}}", "text": "{{nodes.end.output.text}}"}
    file = tmp_path / "story.json"
    file.write_text(json.dumps({"nodes": nodes, "output": output}))
    return file


def test_the_command_line_checks_and_draws_a_graph(command, story):
    drawn = command("validate", str(story))

    assert drawn.exit_code == 0, drawn.output
    lines = [line.strip("│├└─ ").split("  ") for line in drawn.stdout.splitlines()]
    assert [line[0] for line in lines] == ["words", "draw", "each x n", "end"]
    assert lines[3][2] == "and draw"
    nodes = json.loads(command("validate", str(story), "--json").stdout)
    assert [node["endpoint"] for node in nodes] == [ECHO, "pilotlight/shapes", ECHO, ECHO]

    wrong = command("validate", str(story), "topic=5", "list=[]")
    assert wrong.exit_code == 2
    assert "nodes.words.payload.text: Input should be a valid string" in wrong.stderr


def test_the_command_line_runs_a_graph_and_saves_its_files(command, story, tmp_path):
    done = command(
        "run", str(story), "topic=a red circle", 'list=["x"]', "--save", str(tmp_path / "out")
    )

    assert done.exit_code == 0, done.output
    assert [line[-4:] for line in done.stdout.split()] == [".png"]
    assert "✓ each x 1, 1 done" in done.stderr
    run_id = done.stderr.split("run ")[1].split(":")[0]
    again = command("watch", run_id, "--save", str(tmp_path / "again"))
    assert again.exit_code == 0
    assert len(list((tmp_path / "again").iterdir())) == 1


def test_the_command_line_keeps_agents_and_tells_of_failure(command, story, tmp_path, live):
    kept = command("keep", str(story), "--name", "story").stdout.strip()
    assert command("keep", str(story), "--as", kept).stderr.strip() == "version 2"

    failed = command("run", kept, "topic=x", "list=[]", "--watch")

    assert failed.exit_code == 1
    assert "a list of 0 has no '0'" in failed.stderr
    assert command("run", "no-such-agent").exit_code == 4
    assert command("watch", "no-such-run").exit_code == 4


def test_every_process_killed_and_a_run_ends_once(tmp_path):
    """``kill -9`` of everything, three times in the life of one run."""
    nodes = [
        say("first", "{{input.word}}"),
        slow("each", "{{item}} {{nodes.first.output.text}}", 0.3, map="{{input.list}}"),
        say("join", "{{nodes.each.output.11.text}}"),
        say("last", "{{nodes.join.output.text}}."),
    ]
    given = {"word": "w", "list": [f"t{n}" for n in range(12)]}
    with receiver() as hook, up(tmp_path / "data") as live:
        wish = {"nodes": nodes, "input": given, "webhook": hook.url}
        run_id = live.ask("POST", "/api/agent-runs", wish).json["id"]
        live.kill_everything()
        live.start()
        until(lambda: ended_items(live, run_id) >= 2, what="some items")
        live.kill_everything()
        live.start()
        until(lambda: ended_items(live, run_id) >= 6, what="half of the items")
        live.kill_everything()
        live.start()
        run = ended(live, run_id)
        posted = hook.next()

        assert (run["status"], run["output"]) == ("succeeded", {"last": {"text": "t11 w."}})
        assert run["nodes"][1]["map"] == {"total": 12, "succeeded": 12}
        assert len(set(run["nodes"][1]["job_ids"])) == 12
        for job_id in jobs_of(run):
            attempts = live.ask("GET", f"/api/jobs/{job_id}").json["attempts"]
            assert [one["outcome"] for one in attempts].count("succeeded") == 1
        listed = live.ask("GET", "/api/jobs?limit=200").json["jobs"]
        assert len(listed) == 15 + 1  # the run itself is one of them
        assert posted.json["run"]["id"] == run_id
        assert fal_signature_holds(posted, live.ask("GET", "/.well-known/jwks.json").json)


def ended_items(live, run_id):
    node = next(one for one in run_of(live, run_id)["nodes"] if one["id"] == "each")
    return node.get("map", {}).get("succeeded", 0)


def jobs_of(run):
    for node in run["nodes"]:
        yield from node.get("job_ids") or [node["job_id"]]
