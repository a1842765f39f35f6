from __future__ import annotations

import pytest

from tests.replica_rig import Rig


@pytest.fixture
def rig_of(tmp_path):
    """Makes a rig for a worker and starts its replica, unless told otherwise; all ends with the test."""
    rigs = []

    def make(worker, *, start=True, **settings):
        rig = Rig(tmp_path, worker, **settings)
        rigs.append(rig)
        if start:
            rig.start()
        return rig

    yield make
    for rig in rigs:
        rig.close()
