"""Whoever trained a LoRA, and with what: the same weights draw the same picture."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.workers.shelf import Desk
from tests.workers.twin_pictures import KREA, pixels
from workers.engines.diffusers.spelling import plain

DOWN_UP = {".lora_A.weight": ".lora_down.weight", ".lora_B.weight": ".lora_up.weight"}
DEFAULT = {end: end.replace(".weight", ".default.weight") for end in DOWN_UP}
SPELLINGS = {
    "PEFT": ("base_model.model.", {}),
    "PEFT over a pipeline": ("base_model.model.transformer.", DEFAULT),
    "ComfyUI": ("diffusion_model.", {}),
    "DiffSynth": ("", DEFAULT),
    "kohya": ("lora_unet_", DOWN_UP),
    "musubi": ("lora_transformer_", DOWN_UP),
    "OneTrainer": ("transformer.", DOWN_UP),
}


def spelled(weights, prefix, endings, *, alpha=False):
    told = {}
    for key, value in weights.items():
        layer, _, end = key.removeprefix("transformer.").partition(".lora_")
        end = f".lora_{end}"
        name = prefix + (layer.replace(".", "_") if prefix.endswith("_") else layer)
        told[name + endings.get(end, end)] = value
        if alpha:
            told[f"{name}.alpha"] = torch.tensor(2.0)
    return told


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_file_for_the_models_own_layers_is_read_however_it_is_spelled(
    shelf, draw, lora, tmp_path, spelling
):
    weights = load_file(lora(9))
    save_file(spelled(weights, *SPELLINGS[spelling]), tmp_path / "other.safetensors")
    files = {
        "https://example.org/a": lora(9),
        "https://example.org/b": tmp_path / "other.safetensors",
    }

    one, other = (
        pixels(draw("flux-krea-lora", KREA, Desk(tmp_path, KREA, files=files),
                    loras=[{"path": url}], output_format="png"))
        for url in files
    )  # fmt: skip

    assert (one == other).all()


def test_what_an_alpha_says_of_the_strength_is_in_the_weights(shelf, lora):
    weights = load_file(lora(9))
    transformer = shelf.worker("flux-krea-lora").easel.pipes.base.transformer
    rank = next(value.shape[0] for key, value in weights.items() if "lora_A" in key)

    told = plain(spelled(weights, "lora_unet_", DOWN_UP, alpha=True), transformer)

    assert set(told) == set(weights)
    for key, value in weights.items():
        share = 2.0 / rank if "lora_B" in key else 1.0
        assert torch.allclose(told[key], value * share)


@pytest.mark.parametrize("name", ["flux-krea-lora", "wan22-ti2v"])
def test_layers_in_the_words_of_the_models_makers_are_put_as_diffusers_knows_them(shelf, name):
    worker = shelf.worker(name)
    pipe = (worker.easel.pipes if hasattr(worker, "easel") else worker.pipes).base
    layer, ours = {
        "flux-krea-lora": ("double_blocks.0.img_attn.proj", "transformer_blocks.0.attn.to_out.0"),
        "wan22-ti2v": ("blocks.0.self_attn.q", "blocks.0.attn1.to_q"),
    }[name]
    outer, inner = pipe.transformer.get_submodule(ours).weight.shape
    weights = {f"{layer}.lora_A.default.weight": torch.ones(2, inner),
               f"{layer}.lora_B.default.weight": torch.ones(outer, 2)}  # fmt: skip

    read = pipe.lora_state_dict(plain(weights, pipe.transformer))

    layers = read[0] if isinstance(read, tuple) else read
    assert set(layers) == {f"transformer.{ours}.lora_{end}.weight" for end in "AB"}


def test_what_is_not_understood_as_a_whole_is_left_to_diffusers(shelf, lora):
    transformer = shelf.worker("flux-krea-lora").easel.pipes.base.transformer
    sound = spelled(load_file(lora(9)), "diffusion_model.", {})
    half = {"diffusion_model.proj_out.lora_A.weight": torch.ones(2, 2)}
    strange = {f"text_encoder.q.lora_{end}.weight": torch.ones(2, 2) for end in "AB"}

    for more in ({"dora_scale": torch.ones(1)}, half, strange):
        assert set(plain(sound | more, transformer)) == set(sound | more)
