"""LoRAs that do not fit, do not load or are too many: the model that others draw with stays as it is."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file, save_file

from pilotlight import InvalidInput, OutOfMemory
from tests.workers.shelf import Desk
from tests.workers.twin_pictures import KREA, full, pixels
from workers.engines.diffusers import adaptations

PART = "transformer.transformer_blocks.0.attn"


@pytest.fixture
def drawn(draw, tmp_path):
    """What one job gets with these files added."""

    def drawn(*files):
        urls = {f"https://example.org/{number}": one for number, one in enumerate(files)}
        desk = Desk(tmp_path, KREA, files=urls)
        loras = [{"path": url} for url in urls]
        return pixels(draw("flux-krea-lora", KREA, desk, loras=loras, output_format="png"))

    return drawn


@pytest.fixture
def spoilt(lora, tmp_path):
    """A sound adaptation with other tensors in it as well."""

    def spoilt(**tensors):
        path = tmp_path / "spoilt.safetensors"
        save_file(load_file(lora(9)) | tensors, path)
        return path

    return spoilt


def test_one_that_is_refused_takes_those_beside_it_along(drawn, lora, tmp_path):
    nothing = tmp_path / "nothing.safetensors"
    save_file({"foo": torch.zeros(2)}, nothing)
    bare = drawn()

    with pytest.raises(InvalidInput, match=r"loras\.1\.path"):
        drawn(lora(3), nothing)

    assert (drawn() == bare).all()


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        ({f"{PART}.to_q.lora_A.weight": torch.ones(2, 96)}, "another model"),
        ({f"{PART}.to_q.lora_B.weight": torch.ones(96, 2)}, "another model"),
        ({f"{PART}.norm_q.weight": torch.full((16,), 9.0)}, "norm_q"),
        ({f"{PART}.to_k.lora_A.weight": torch.ones(2, 32)}, "lora_B"),
    ],
)
def test_one_that_would_change_the_model_itself_is_refused_and_changes_nothing(
    shelf, drawn, spoilt, tensors, words
):
    bare = drawn()
    transformer = shelf.worker("flux-krea-lora").easel.pipes.base.transformer
    config = dict(transformer.config)

    for _again in range(2):
        with pytest.raises(InvalidInput, match=words):
            drawn(spoilt(**tensors))

    assert dict(transformer.config) == config
    assert (drawn() == bare).all()


def test_more_than_are_kept_can_still_be_added_at_once(drawn, lora, monkeypatch):
    monkeypatch.setattr(adaptations, "MOST_KEPT", 2)
    bare, files = drawn(), [lora(number) for number in range(10, 13)]

    together = drawn(*files)

    assert (together != bare).any()
    assert (drawn(*files) == together).all()
    assert (drawn() == bare).all()


def test_memory_that_runs_out_while_one_is_read_is_not_the_callers_fault(
    shelf, drawn, lora, monkeypatch
):
    pipe = shelf.worker("flux-krea-lora").easel.pipes.base
    bare, one = drawn(), lora(14)

    with monkeypatch.context() as patch:
        patch.setattr(type(pipe), "load_lora_into_text_encoder", lambda *_, **__: full())
        with pytest.raises(OutOfMemory):
            drawn(one)

    assert (drawn() == bare).all()
    assert (drawn(one) != bare).any()  # nothing is left of the first try
