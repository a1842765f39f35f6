"""The packaged stack, deployed on an emulator, and then used: nothing here is wired by hand."""

from __future__ import annotations

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

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


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
    math = ("OldestAlarm", "ErrorAlarm", "FallbackAlarm")
    assert alarms == {f"{one}{kind}" for one in workers for kind in math}


def test_the_real_client_gets_its_results_whatever_happens_on_the_way(there):
    """A lost message, no machine for a while, a picture, a webhook, a dropped object, a stream, an
    operator, a drain."""
    assert len(list(story(there))) == 12
