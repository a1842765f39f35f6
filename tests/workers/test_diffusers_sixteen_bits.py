"""In the numbers that a GPU works with: kinds that do not go together fail on a processor too.

Everything else here runs in float32, where nothing can be of the wrong kind.
"""

from __future__ import annotations

import pytest

from pilotlight.testing import run_once
from tests.workers.shelf import DRAWN, SIDE, Shelf
from tests.workers.test_diffusers_twins import BLIND, EYES, asked
from workers.engines.diffusers import loading, rephrasing, sizes


@pytest.fixture(scope="module")
def narrow(shelf):
    """The same twins, read as they would be onto a GPU."""
    import torch

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "dtype", lambda model, _device: getattr(torch, model.dtype))
        one = Shelf(shelf.folder)
        yield one
        one.close()


@pytest.mark.parametrize(
    "name", [name for name, one in sorted(DRAWN.items()) if EYES or one.model.pipeline not in BLIND]
)
def test_every_model_works_in_its_own_kind_of_numbers(narrow, name, tmp_path, monkeypatch):
    import torch

    monkeypatch.setattr(sizes, "of_film", lambda *_: (SIDE, SIDE))
    monkeypatch.setattr(rephrasing, "MOST_TOKENS", 2)
    worker = narrow.worker(name)
    endpoint = worker.serves[-1].endpoint
    given, files = asked(endpoint, tmp_path, masked=False)

    run_once(worker, given, folder=tmp_path, endpoint=endpoint.id, files=files)

    pipes = worker.easel.pipes if hasattr(worker, "easel") else worker.pipes
    for part, module in pipes.base.components.items():
        if isinstance(module, torch.nn.Module):
            wanted = torch.float32 if part in worker.model.full_parts else torch.bfloat16
            assert wanted in {one.dtype for one in module.parameters()}, part
