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


@pytest.fixture
def lora(shelf, tmp_path):
    """A random adaptation of the twin of FLUX.1 dev, as trainers save them."""
    import torch
    from diffusers import FluxPipeline
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    def made(seed):
        pipe = FluxPipeline.from_pretrained(
            shelf.saved("black-forest-labs/FLUX.1-Krea-dev"), use_safetensors=True
        )
        config = LoraConfig(r=2, target_modules=["to_q", "to_v"], init_lora_weights=False)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            pipe.transformer.add_adapter(config)
        folder = tmp_path / f"lora-{seed}"
        layers = {one: 20 * value for one, value in
                  get_peft_model_state_dict(pipe.transformer).items()}  # fmt: skip
        FluxPipeline.save_lora_weights(folder, transformer_lora_layers=layers)
        return folder / "pytorch_lora_weights.safetensors"

    return made
