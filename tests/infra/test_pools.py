"""Workers that share hosts: one service of the pool, and a pair of queues for each of them."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from infra.template.__main__ import _STATIC as STATIC
from infra.template.__main__ import template
from infra.template.facts import all_facts, all_fleets, distinct, names_of
from pilotlight.errors import SettingsError
from pilotlight.settings import Settings
from tests.infra.conftest import POOL

SWAPS, LEFT, RIGHT = "SwapsA10G", "Left", "RightV2"
STUDIO = ("tests.journeys.studio",)
MEMBERS = ("Clerk", "Painter", "Sketcher")
REGION = "us-east-1"
TEMPLATE_LIMIT = 1024**2
"""Of CloudFormation, in bytes, for a template that lies in S3."""
POLICY_LIMIT = 10_240
"""Of a role's inline policies, in characters."""
QUEUE = "arn:aws:sqs:eu-central-1:123456789012:"


@pytest.fixture(scope="module")
def made():
    return template(Settings(workers=STUDIO), REGION)["Resources"]


def fleets(**pools):
    settings = Settings(workers=STUDIO, pools=pools)
    return all_fleets(settings, all_facts(settings, REGION), REGION)


def of(made, kind):
    return {name for name, one in made.items() if one["Type"] == f"AWS::{kind}"}


def arns(*names):
    return [{"Fn::GetAtt": [name, "Arn"]} for name in names]


def test_a_pool_is_one_service_with_a_pair_of_queues_for_each_of_its_workers(made):
    assert of(made, "ECS::Service") == {"StudioService"}
    assert of(made, "ECS::TaskDefinition") == {"StudioTask"}
    pairs = {f"{one}{kind}" for one in MEMBERS for kind in ("Queue", "Letters")}
    assert of(made, "SQS::Queue") == pairs | {"DropQueue", "DropLetters"}
    (container,) = made["StudioTask"]["Properties"]["ContainerDefinitions"]
    assert container["Command"] == ["studio"]
    assert made["StudioService"]["Properties"]["ServiceName"]["Fn::Sub"].endswith("-studio")


def test_a_packaged_pool_runs_on_the_gpu_of_its_largest_worker(prod):
    task = prod.properties(f"{SWAPS}Task")
    (container,) = task["ContainerDefinitions"]
    assert container["Command"] == [POOL]
    given = {one["Name"]: one["Value"] for one in container["Environment"]}
    assert json.loads(given["PILOTLIGHT_POOLS"]) == {POOL: {"memory_gib": 6.5}}
    service = prod.properties(f"{SWAPS}Service")
    assert service["CapacityProviderStrategy"][0]["CapacityProvider"] == {"Ref": "G24Provider"}
    assert service["ServiceName"]["Fn::Sub"].endswith("-swaps_a10g")
    for one, part in ((LEFT, "left"), (RIGHT, "right_v2")):
        assert prod.properties(f"{one}Queue")["QueueName"]["Fn::Sub"].endswith(f"-jobs-{part}")
        assert prod.properties(f"{one}Letters")["QueueName"]["Fn::Sub"].endswith(f"{part}-dead")
    own = {name for name in prod.template["Resources"] if name.startswith(SWAPS)}
    assert {name.removeprefix(SWAPS) for name in own} == {
        "LogGroup", "Task", "Service", "Role", "LoadAlarm", "Target", "Fallback", "FallbackAlarm",
    }  # fmt: skip


def test_its_replicas_may_take_from_each_of_its_queues_and_from_no_other(made):
    (policy,) = made["StudioRole"]["Properties"]["Policies"]
    statements = policy["PolicyDocument"]["Statement"]
    (queues,) = [one for one in statements if one["Action"][0].startswith("sqs:")]
    assert queues["Resource"] == arns(*(f"{one}Queue" for one in MEMBERS))
    weights = [
        path["Fn::Sub"].partition("/")[2]
        for one in statements
        for path in one["Resource"]
        if "WeightsBucket.Arn}/" in str(path)
    ]
    assert weights == ["studio/*", "clerk/*", "painter/*", "sketcher/*"]


def test_its_jobs_are_watched_by_worker_and_its_hosts_as_one(made):
    alarms = of(made, "CloudWatch::Alarm")
    for one in MEMBERS:
        assert {f"{one}{kind}Alarm" for kind in ("Oldest", "Error", "Letters")} <= alarms
        assert f"{one}LoadAlarm" not in alarms
    assert {"StudioLoadAlarm", "StudioFallbackAlarm"} <= alarms
    metrics = made["StudioFallbackAlarm"]["Properties"]["Metrics"]
    watched = [
        one["MetricStat"]["Metric"]["Dimensions"][0]["Value"]["Fn::GetAtt"][0]
        for one in metrics
        if one.get("MetricStat", {}).get("Metric", {}).get("Namespace") == "AWS/SQS"
    ]
    assert watched == [f"{one}Queue" for one in MEMBERS]
    (waits,) = [one["Expression"] for one in metrics if "Expression" in one]
    assert "FILL(visible0, 0) + FILL(visible1, 0) + FILL(visible2, 0) > 0" in waits


def test_it_has_a_row_of_the_dashboard_with_each_of_its_workers_in_it(made):
    body = json.loads(made["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"])
    row = {
        one["properties"]["title"]: json.dumps(one["properties"]["metrics"])
        for one in body["widgets"]
        if one["properties"]["title"].startswith("studio: ")
    }
    assert len(row) == 4
    for one in MEMBERS:
        assert (
            f'"Queued", "Stage", "${{sls:stage}}", "Worker", "{one.lower()}"'
            in row["studio: waiting"]
        )
        assert (
            f'"Failed", "Stage", "${{sls:stage}}", "Worker", "{one.lower()}"'
            in row["studio: failing"]
        )
    assert '"Worker", "studio"' in row["studio: running"]


def test_many_workers_are_fitted_into_a_stack_without_what_others_do_as_well(monkeypatch):
    settings, most = Settings(workers=("workers",)), "infra.template.__main__.MOST_RESOURCES"
    full = template(settings, REGION)["Resources"]
    mappings = of(full, "Lambda::EventSourceMapping")
    monkeypatch.setattr(most, len(full) + STATIC - 1)
    fewer = template(settings, REGION)["Resources"]
    assert set(full) - set(fewer) == mappings

    monkeypatch.setattr(most, len(fewer) + STATIC - 1)
    fewest = template(settings, REGION)["Resources"]
    gone = {full[name]["Type"].removeprefix("AWS::") for name in set(fewer) - set(fewest)}
    assert gone == {
        "ApplicationAutoScaling::ScalableTarget",
        "ApplicationAutoScaling::ScalingPolicy",
        "CloudWatch::Alarm",
    }
    assert {"EchoOldestAlarm", "EchoLettersAlarm", "UpkeepAlarm"} <= set(fewest)

    monkeypatch.setattr(most, len(fewest) + STATIC - 1)
    with pytest.raises(SettingsError, match="let some share a pool, or deploy a second stage"):
        template(settings, REGION)


@pytest.mark.parametrize("packages", [("workers.production",), ("workers", "workers.production")])
def test_the_models_that_are_shipped_fit_into_one_stack(packages):
    made = template(Settings(workers=packages), REGION)["Resources"]
    assert len(of(made, "ECS::Service")) >= 30
    assert "EchoQueue" in made or packages == ("workers.production",)
    assert len(json.dumps(made, separators=(",", ":"))) < 0.9 * TEMPLATE_LIMIT
    names = {
        f'{{"Fn::GetAtt":["{name}","Arn"]}}': f'"{QUEUE}{one["Properties"]["QueueName"]["Fn::Sub"]}"'
        for name, one in made.items()
        if one["Type"] == "AWS::SQS::Queue"
    }
    for role in of(made, "IAM::Role"):
        for policy in made[role]["Properties"].get("Policies", ()):
            text = json.dumps(policy["PolicyDocument"], separators=(",", ":"))
            for reference, arn in names.items():
                text = text.replace(reference, arn)
            assert len(text.replace("${AWS::StackName}", "pilotlight-prod")) < POLICY_LIMIT, role


def test_what_is_not_generated_is_as_much_as_is_reckoned_with(prod):
    made = json.loads((prod.folder / "infra" / ".generated" / "workers.json").read_text())
    assert len(prod.template["Resources"]) - len(made["Resources"]) <= STATIC


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["x", "x-dead"], "workers x and x-dead would both be"),
        (["a.b", "a_b"], "would both be a_b"),
        (["n" * 49], "48 at most"),
    ],
)
def test_names_that_aws_could_not_tell_apart_or_take_are_refused(names, words):
    facts = [SimpleNamespace(name=one, logical=one, part=one.replace(".", "_")) for one in names]
    with pytest.raises(SettingsError, match=words):
        distinct(names_of(facts))


def test_models_are_promised_no_more_memory_than_a_task_has():
    """A container sees its host's memory, so half of that would be too much."""

    def promised(pool):
        (found,) = fleets(**pool)
        return found.memory_gib

    assert promised({}) == 2
    assert promised({"studio": {"memory_gib": 3}}) == 3
    with pytest.raises(SettingsError, match=r"pools.studio.memory_gib is 24, .* has 4 GiB"):
        promised({"studio": {"memory_gib": 24}})


def test_a_large_pool_has_as_many_fallback_alarms_as_it_takes(made):
    from infra.template import fallback

    (fleet,) = fleets()
    many = fallback.of_fleet(
        type(fleet)(
            spec=fleet.spec,
            logical=fleet.logical,
            part=fleet.part,
            members=fleet.members * 4,
            gpu=None,
            region=REGION,
        )
    )
    found = [one for name, one in many.items() if "FallbackAlarm" in name]
    assert [len(one["Properties"]["Metrics"]) for one in found] == [10, 6]
    assert len({one["Properties"]["AlarmName"]["Fn::Sub"] for one in found}) == 2
