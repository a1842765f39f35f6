"""SQS on an emulator for this folder, directly and through a proxy that fails when told to."""

from __future__ import annotations

import pytest

from tests.celery.proxy import Proxy
from tests.celery.rig import AwsRig
from tests.contract import emulator
from tests.sqs_stage import SqsStage, settings_for


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory):
    with (
        pytest.MonkeyPatch.context() as patch,
        emulator.ministack(tmp_path_factory.mktemp("ministack")) as url,
    ):
        for name, value in emulator.CREDENTIALS.items():
            patch.setenv(name, value)
        yield url


@pytest.fixture
def stage_of(endpoint):
    """Queues of one test; ``settings_for`` has the options."""
    made = []

    def make(**options):
        stage = SqsStage(endpoint, settings_for(endpoint, **options))
        made.append(stage)
        return stage

    yield make
    for stage in made:
        stage.close()


@pytest.fixture
def proxy(endpoint):
    made = Proxy(endpoint)
    yield made
    made.close()


@pytest.fixture(params=["celery", "loop"])
def kind(request):
    return request.param


@pytest.fixture
def rig_of(endpoint, tmp_path):
    """Makes a rig for a worker; everything it started ends with the test."""
    made = []

    def make(worker, **options):
        rig = AwsRig(endpoint, tmp_path, worker, **options)
        made.append(rig)
        return rig

    yield make
    for rig in made:
        rig.close()
