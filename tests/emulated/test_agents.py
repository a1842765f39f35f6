"""A graph of jobs over DynamoDB, S3 and SQS."""

from __future__ import annotations

from tests.live import until
from tests.receiver import receiver

ECHO = "pilotlight/echo"


def say(node_id, text, **more):
    return {"id": node_id, "model": ECHO, "payload": {"text": text} | more.pop("with_", {}), **more}


def test_a_graph_runs_to_its_end_and_is_announced(live):
    nodes = [
        say("a", "{{input.word}}"),
        say("each", "{{item}} of {{nodes.a.output.text}}", map="{{input.list}}"),
        say("last", "{{nodes.each.output.1.text}}!"),
    ]
    given = {"word": "bread", "list": ["crust", "slice"]}
    with receiver() as hook:
        wish = {"nodes": nodes, "input": given, "sync": True, "webhook": hook.url}
        run = live.ask("POST", "/api/agent-runs", wish).json
        posted = hook.next()

    assert (run["status"], run["output"]) == ("succeeded", {"last": {"text": "slice of bread!"}})
    assert run["nodes"][1]["map"] == {"total": 2, "succeeded": 2}
    assert posted.json["run"]["output"] == run["output"]


def test_a_cancel_reaches_what_runs_and_what_waits(live):
    nodes = [say("a", "x", with_={"sleep_s": 3000}), say("b", "{{nodes.a.output.text}}")]
    path = "/api/agent-runs/" + live.ask("POST", "/api/agent-runs", {"nodes": nodes}).json["id"]

    def statuses():
        return [node["status"] for node in live.ask("GET", path).json["nodes"]]

    until(lambda: statuses()[0] == "running", what="node a to run")
    assert live.ask("POST", path + "/cancel").json["status"] == "cancelled"
    until(lambda: statuses() == ["cancelled", "cancelled"], what="both to be cancelled")
