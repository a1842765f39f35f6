"""One running product for all real clients of this folder, TLS included."""

from __future__ import annotations

import pytest

from tests.live import free_port, up


@pytest.fixture(scope="session")
def live(tmp_path_factory):
    settings = {"WORKERS": '["workers", "tests.probes", "tests.workers.standins"]'}
    with up(tmp_path_factory.mktemp("live"), tls_port=free_port(), settings=settings) as running:
        yield running
