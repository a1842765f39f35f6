"""One worker file more, and nothing else touched: all that it needs is in the template."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import cfnlint.data.schemas.extensions.aws_ec2_instance
import pytest

from infra.template.engines import PLAIN, engine_of
from pilotlight.adapters.aws.machines import GPU_CLASSES, gpu_class
from pilotlight.contracts.worker import WorkerSpec
from pilotlight.errors import SettingsError
from tests.infra.conftest import POOL
from workers.echo import Echo

SOME_REGIONS = ("us-east-1", "eu-west-1", "eu-central-1", "ap-northeast-1", "sa-east-1")
NAME, LOGICAL, PART = "big-model.v2", "BigModelV2", "big-model_v2"


def test_it_has_everything_that_a_worker_of_the_checkout_has(prod):
    def of(logical):
        return {
            key.removeprefix(logical): one["Type"]
            for key, one in prod.template["Resources"].items()
            if key.startswith(logical)
        }

    assert of(LOGICAL) == of("Echo")
    assert set(of(LOGICAL)) == {
        "Queue", "Letters", "LettersMapping", "Role", "LogGroup", "Task", "Service",
        "OldestAlarm", "LoadAlarm", "ErrorAlarm", "LettersAlarm",
        "Target", "Fallback", "FallbackAlarm",
    }  # fmt: skip


def test_it_is_not_in_a_package_made_without_it(dev):
    assert LOGICAL not in json.dumps(dev.template)
    assert NAME not in json.dumps(dev.template)


def test_its_names_are_those_that_the_code_will_look_for(prod):
    assert prod.properties(f"{LOGICAL}Queue")["QueueName"]["Fn::Sub"].endswith(f"-jobs-{PART}")
    assert prod.properties(f"{LOGICAL}Service")["ServiceName"]["Fn::Sub"].endswith(f"-{PART}")
    (container,) = prod.properties(f"{LOGICAL}Task")["ContainerDefinitions"]
    assert container["Command"] == [NAME]
    assert ":diffusers-${ImageTag}" in container["Image"]["Fn::Sub"]


def test_forty_gibibytes_become_one_l40s(prod):
    (container,) = prod.properties(f"{LOGICAL}Task")["ContainerDefinitions"]
    assert container["ResourceRequirements"] == [{"Type": "GPU", "Value": "1"}]
    strategy = prod.properties(f"{LOGICAL}Service")["CapacityProviderStrategy"]
    assert strategy == [{"CapacityProvider": {"Ref": "G48Provider"}, "Weight": 1}]
    group = prod.properties("G48Group")
    assert group["MaxSize"] == "3"
    mixed = group["MixedInstancesPolicy"]["Fn::If"][2]
    types = [one["InstanceType"] for one in mixed["LaunchTemplate"]["Overrides"]]
    assert types[0] == "g6e.xlarge"


def test_a_worker_without_gpu_needs_no_host(prod):
    task = prod.properties("EchoTask")
    assert task["RequiresCompatibilities"] == ["FARGATE"]
    assert "ResourceRequirements" not in task["ContainerDefinitions"][0]


def test_it_has_a_row_of_the_dashboard(dev, prod):
    def titles(packaged):
        body = packaged.properties("Dashboard")["DashboardBody"]["Fn::Sub"]
        return [one["properties"]["title"] for one in json.loads(body)["widgets"]]

    new = {title for title in titles(prod) if title.startswith(NAME)}
    assert [title.split(": ")[1].split(",")[0] for title in sorted(new)] == [
        "costing", "failing", "running", "waiting",
    ]  # fmt: skip
    pools = {title for title in titles(prod) if title.startswith(POOL)}
    assert len(pools) == 4
    assert set(titles(prod)) == set(titles(dev)) | new | pools


def test_the_ingress_may_send_to_its_queue_and_only_its_replicas_take_from_it(prod):
    arn = {"Fn::GetAtt": [f"{LOGICAL}Queue", "Arn"]}
    allowed = {}
    for name, role in prod.of("IAM::Role").items():
        for policy in role["Properties"].get("Policies", ()):
            for statement in policy["PolicyDocument"]["Statement"]:
                if arn in statement["Resource"]:
                    allowed[name] = statement["Action"]
    assert set(allowed) == {"IngressRole", "UpkeepRole", "DropRole", f"{LOGICAL}Role"}
    assert allowed["IngressRole"] == ["sqs:SendMessage"]
    assert "sqs:SendMessage" not in allowed[f"{LOGICAL}Role"]


def test_the_smallest_gpu_that_holds_a_worker_is_taken():
    assert gpu_class(spec_of(0)) is None
    found = [gpu_class(spec_of(gib)).name for gib in (1, 15, 15.5, 22, 23, 44, 79, 80, 95)]
    assert found == ["g16", "g16", "g24", "g24", "g48", "g48", "g80", "g96", "g141"]
    assert sorted(GPU_CLASSES, key=lambda one: one.offers_gib) == list(GPU_CLASSES)


def test_a_region_has_only_what_is_for_rent_there():
    """cfn-lint knows from the price lists; eu-west-1 has neither L4 nor L40S."""
    schemas = Path(cfnlint.data.schemas.extensions.aws_ec2_instance.__file__).parent
    known = json.loads((schemas / "instancetype_enum.json").read_text())
    for region, one in product(SOME_REGIONS, GPU_CLASSES):
        for kind in one.types_in(region):
            assert kind in known[region]["enum"], region
    assert gpu_class(spec_of(20), "eu-west-1").types_in("eu-west-1") == ("g5.xlarge", "g5.2xlarge")
    with pytest.raises(SettingsError, match="largest GPU in eu-west-1 offers 22"):
        gpu_class(spec_of(40), "eu-west-1")


def test_a_worker_that_fits_no_gpu_is_refused_in_words():
    with pytest.raises(
        SettingsError, match="declares gpu_memory_gib=200; the largest GPU in us-east-1 offers 139"
    ):
        gpu_class(spec_of(200))


def test_an_image_has_what_the_worker_file_leads_to(tmp_path):
    def engine(text):
        file = tmp_path / "one.py"
        file.write_text(text)
        return engine_of(file)

    assert engine("from workers.engines.relay.relays import FalRelay\nimport json\n") == PLAIN
    assert (
        engine("from workers.engines.diffusers.text_to_image import flux_text_to_image\n")
        == "diffusers"
    )
    assert engine("def load():\n    import torch\n") == "diffusers"
    assert engine("def load():\n    import onnxruntime\n") == "starters"
    assert engine("import onnxruntime, torch\n") == "diffusers.starters"
    only_named = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch\n"
    assert engine(only_named) == PLAIN


def spec_of(gib):
    return WorkerSpec(name="one", endpoints=Echo.spec.endpoints, gpu_memory_gib=gib)
