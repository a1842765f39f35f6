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


@pytest.fixture
def draw(shelf, tmp_path_factory):
    """Ask a twin; what it returns."""
    from tests.workers.shelf import Desk
    from tests.workers.twin_pictures import SMALL

    def draw(name, endpoint, desk=None, **fields):
        worker = shelf.worker(name)
        takes = next(one for one in worker.spec.endpoints if one.id == endpoint).input
        desk = desk or Desk(tmp_path_factory.mktemp("attempt"), endpoint)
        sides = SMALL if "image_size" in takes.model_fields else {"enable_safety_checker": False}
        given = {"prompt": "a red circle", "num_inference_steps": 3, "seed": 5, **sides, **fields}
        return worker.run(takes.model_validate(given), desk)

    return draw
