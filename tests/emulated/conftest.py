"""The whole product in AWS mode on an emulator: ``pilotlight up --aws-emulated``."""

from __future__ import annotations

import pytest

from tests.contract.emulator import needs_ministack
from tests.live import up


@pytest.fixture(scope="session")
def live(tmp_path_factory):
    needs_ministack()
    settings = {"WORKERS": '["workers", "tests.probes", "tests.workers.standins"]'}
    folder = tmp_path_factory.mktemp("live")
    with up(folder, settings=settings, options=("--aws-emulated",)) as running:
        yield running
