"""What the tests of several workers share."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def shelf(tmp_path_factory):
    """Tiny twins of the models worth a GPU."""
    from tests.workers.shelf import Shelf

    one = Shelf(tmp_path_factory.mktemp("twins"))
    yield one
    one.close()
