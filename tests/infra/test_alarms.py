"""Each alarm has one thing to do, and the runbook says which."""

from __future__ import annotations

import re

from tests.infra.conftest import POOL
from tests.live import ROOT

RUNBOOK = ROOT / "infra" / "RUNBOOK.md"
METRICS = ROOT / "infra" / "METRICS.md"


def parts_of_the_runbook():
    found = re.findall(r"^## (.+?)\n(.*?)(?=^## |^# |\Z)", RUNBOOK.read_text(), re.M | re.S)
    return {
        re.sub(r"[^a-z0-9 -]", "", title.lower()).strip().replace(" ", "-"): body
        for title, body in found
    }


def test_every_alarm_points_to_a_part_of_the_runbook_that_says_what_to_press(packaged):
    parts = parts_of_the_runbook()
    for name, alarm in packaged.of("CloudWatch::Alarm").items():
        said = alarm["Properties"]["AlarmDescription"]
        anchor = said.rpartition("infra/RUNBOOK.md#")[2]
        assert anchor in parts, f"{name}: no part {anchor}"
        for word in ("**Means.**", "**Look.**", "**Press.**"):
            assert word in parts[anchor], f"{anchor} does not say {word}"


def test_the_runbook_speaks_of_no_alarm_that_is_not_there_and_of_the_budget(packaged):
    asked = {
        one["Properties"]["AlarmDescription"].rpartition("#")[2]
        for one in packaged.of("CloudWatch::Alarm").values()
    }
    told = {name for name, body in parts_of_the_runbook().items() if "**Means.**" in body}
    assert told == asked | {"budget"}


def test_every_link_of_the_runbook_leads_somewhere():
    parts = parts_of_the_runbook()
    assert set(re.findall(r"\(#([a-z0-9-]+)\)", RUNBOOK.read_text())) <= set(parts)


def test_every_alarm_tells_somebody(packaged):
    for name, alarm in packaged.of("CloudWatch::Alarm").items():
        assert {"Ref": "AlarmTopic"} in alarm["Properties"]["AlarmActions"], name


def test_whoever_packages_a_stage_whose_alarms_reach_nobody_is_told(dev, prod):
    assert "alarms of dev will tell nobody" in dev.said
    assert "will tell nobody" not in prod.said
    assert prod.template["Parameters"]["AlarmEmail"]["Default"] == "me@example.org"


def test_what_the_owner_asked_to_be_woken_for_is_there(packaged):
    names = {
        one["Properties"]["AlarmName"]["Fn::Sub"].removeprefix("${AWS::StackName}-")
        for one in packaged.of("CloudWatch::Alarm").values()
    }
    assert names >= {
        "echo-oldest-queued", "echo-load-failures", "echo-error-rate", "echo-fallback",
        "echo-dead-letters", "overdue-leases", "webhooks-failing", "webhooks-late",
        "drop-late", "drop-dead-letters", "upkeep-silent", "ingress-errors", "ingress-answers",
        "ingress-throttled",
    }  # fmt: skip
    assert packaged.of("Budgets::Budget")


def test_alarms_ask_for_figures_that_somebody_writes(packaged):
    written = set(re.findall(r"^\| `(\w+)` \|", METRICS.read_text(), re.M))
    for name, alarm in packaged.of("CloudWatch::Alarm").items():
        for namespace, metric in asked_by(alarm["Properties"]):
            if namespace == "Pilotlight":
                assert metric in written, f"{name} asks for {metric}"


def test_silence_is_an_alarm_of_upkeeps_own_pulse_alone(packaged):
    for name, alarm in packaged.of("CloudWatch::Alarm").items():
        expected = "breaching" if name == "UpkeepAlarm" else "notBreaching"
        assert alarm["Properties"]["TreatMissingData"] == expected, name


def test_the_fallback_starts_one_replica_and_only_while_upkeep_is_silent(packaged):
    alarm = packaged.properties("EchoFallbackAlarm")
    (said,) = [one for one in alarm["Metrics"] if "Expression" in one]
    assert said["Expression"].startswith("IF(FILL(looks, 0) < 1 AND ")
    policy = packaged.properties("EchoFallback")["StepScalingPolicyConfiguration"]
    assert policy["AdjustmentType"] == "ExactCapacity"
    assert [one["ScalingAdjustment"] for one in policy["StepAdjustments"]] == [1]
    suspended = packaged.properties("EchoTarget")["SuspendedState"]
    assert suspended["DynamicScalingInSuspended"] is True
    assert {"Ref": "EchoFallback"} in alarm["AlarmActions"]


def test_a_job_that_nothing_is_there_for_wakes_somebody_in_a_quarter_of_an_hour(prod):
    """However long the worker's jobs run: nothing runs that it could wait behind."""
    for name, hosts in (("Echo", "echo"), ("BigModelV2", "big-model.v2"), ("RightV2", POOL)):
        alarm = prod.properties(f"{name}OldestAlarm")
        metrics = {one["Id"]: one for one in alarm["Metrics"]}
        ready = metrics["ready"]["MetricStat"]["Metric"]
        assert ready["MetricName"] == "Ready"
        assert ready["Dimensions"][1]["Value"] == hosts
        said = metrics["waits"]["Expression"]
        assert said.startswith("IF(FILL(ready, 0) < 1 OR oldest >= ")
        assert alarm["Threshold"] == 900
        assert float(re.search(r">= (\d+)", said)[1]) >= 900


def test_a_dead_letter_that_is_read_and_never_settled_wakes_somebody(packaged):
    """It is hidden for six minutes after each try, and visible for a moment in between."""
    alarm = packaged.properties("EchoLettersAlarm")
    (said,) = [one for one in alarm["Metrics"] if "Expression" in one]
    assert said["Expression"] == "visible + held"
    assert {metric for _, metric in asked_by(alarm)} == {
        "ApproximateNumberOfMessagesVisible",
        "ApproximateNumberOfMessagesNotVisible",
    }
    hidden_s = packaged.properties("EchoLetters")["VisibilityTimeout"]
    assert alarm["EvaluationPeriods"] * 60 > 2 * hidden_s  # not for one that failed once


def test_an_answer_of_5xx_is_counted_by_the_name_that_lambda_counts_it_under(packaged):
    alarm = packaged.properties("AnswersAlarm")
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/Lambda", "Url5xxCount")
    assert alarm["Dimensions"] == [
        {"Name": "FunctionName", "Value": {"Ref": "IngressLambdaFunction"}}
    ]
    assert alarm["Statistic"] == "Sum"


def test_what_alarms_cost_is_what_the_page_says(dev):
    """Ten cents a month for each metric that an alarm reads."""
    alarms = dev.of("CloudWatch::Alarm").values()
    stage, own = ([one for one in alarms if worker_of(one) == name] for name in ("shared", "echo"))
    cents = [10 * sum(len([*asked_by(v["Properties"])]) for v in some) for some in (stage, own)]
    page = (ROOT / "infra" / "SCALE.md").read_text()
    assert f"| {cents[0] / 100:.2f} + {cents[1] / 100:.2f} a worker |" in page


def worker_of(alarm):
    return {one["Key"]: one["Value"] for one in alarm["Properties"]["Tags"]}["pilotlight-worker"]


def asked_by(properties):
    if "Metrics" not in properties:
        yield properties["Namespace"], properties["MetricName"]
        return
    for one in properties["Metrics"]:
        if "MetricStat" in one:
            metric = one["MetricStat"]["Metric"]
            yield metric["Namespace"], metric["MetricName"]


def test_the_budget_counts_what_carries_this_stages_tag(packaged):
    """In Billing's own words, ``user:KEY$VALUE``; osls takes a dollar before a brace for its own."""
    stage = packaged.template["Resources"]["JobsTable"]["Properties"]["Tags"]
    (name,) = [one["Value"] for one in stage if one["Key"] == "pilotlight-stage"]
    budget = packaged.properties("Budget")["Budget"]
    ((said,),) = budget["CostFilters"].values()
    glue, parts = said["Fn::Join"]
    assert glue.join(parts) == f"user:pilotlight-stage${name}"
