"""The packaged stack, deployed on an emulator, and then used: nothing here is wired by hand."""

from __future__ import annotations

import json

import pytest

from infra.emulated.journey import deployed
from infra.emulated.server import ACCOUNT, running
from infra.emulated.stack import deploy
from infra.emulated.story import story
from infra.template import bundle
from infra.template.facts import all_facts
from pilotlight.adapters.local.clock import SystemClock
from pilotlight.settings import Settings
from tests.contract.emulator import needs_ministack
from tests.infra.conftest import package
from tests.live import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    """The checkout, packaged and deployed."""
    needs_ministack()
    folder = tmp_path_factory.mktemp("deployed")
    zip_path = folder / "functions.zip"
    bundle.write(zip_path)
    packaged = package(tmp_path_factory.mktemp("package"), "dev")
    with pytest.MonkeyPatch.context() as patch, running(folder, SystemClock()) as emulator:
        patch.setenv("AWS_ACCESS_KEY_ID", ACCOUNT)  # the account's own: it may do everything
        patch.setenv("AWS_SECRET_ACCESS_KEY", "emulated")
        stack = deploy(emulator, packaged.path.parent, zip_path, SystemClock())
        with deployed(emulator, stack, folder) as found:
            yield found


def test_only_what_the_emulator_cannot_do_was_left_out(there):
    assert set(there.stack.left_out.values()) == {
        "AWS::ApplicationAutoScaling::ScalableTarget",
        "AWS::ApplicationAutoScaling::ScalingPolicy",
        "AWS::AutoScaling::WarmPool",
        "AWS::Budgets::Budget",
        "AWS::ECS::CapacityProvider",
        "AWS::ECS::ClusterCapacityProviderAssociations",
        "AWS::CloudWatch::Alarm",
        "AWS::S3::BucketPolicy",
    }
    alarms = {k for k, v in there.stack.left_out.items() if v == "AWS::CloudWatch::Alarm"}
    workers = [one.logical for one in all_facts(Settings(), "us-east-1")]
    assert alarms == {f"{one}{kind}" for one in workers for kind in ("ErrorAlarm", "FallbackAlarm")}


def test_the_real_client_gets_its_results_whatever_happens_on_the_way(there):
    """A lost message, no machine for a while, a picture, a webhook, a drain."""
    assert len(list(story(there))) == 8


def test_a_dropped_object_becomes_a_job_and_its_result_lies_beside_it(there):
    """With the roles of the template. Upkeep is called as EventBridge and its timer would."""
    s3, bucket = there.emulator.client("s3"), there.stack.resources["DropBucket"]
    functions, name = there.emulator.client("lambda"), f"{there.stack.name}-upkeep"
    key = "pilotlight/echo/a b.json"
    s3.put_object(Bucket=bucket, Key=f"drop/{key}", Body=b'{"text": "dropped"}')
    detail = {"bucket": {"name": bucket}, "object": {"key": f"drop/{key}"}}
    told = {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}

    answer = functions.invoke(FunctionName=name, Payload=json.dumps(told))
    assert json.load(answer["Payload"]) == {"objects": 1}

    def written():
        functions.invoke(FunctionName=name, Payload=b"{}")
        found = s3.list_objects_v2(Bucket=bucket, Prefix="drop-results/").get("Contents", ())
        return [one["Key"] for one in found]

    assert until(written, what="the result", patience_s=200) == [f"drop-results/{key}.result.json"]
    said = json.load(s3.get_object(Bucket=bucket, Key=f"drop-results/{key}.result.json")["Body"])
    assert (said["status"], said["output"]) == ("succeeded", {"text": "dropped"})
