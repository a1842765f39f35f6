"""Where weights are read from, and what is refused."""

from __future__ import annotations

import dataclasses
import os
import shutil

import pytest

from pilotlight import InvalidInput, WeightsMissing
from tests.workers.shelf import DRAWN
from workers.engines.diffusers.declared import Diffused
from workers.engines.diffusers.loading import load, read_part
from workers.engines.diffusers.sizes import frames, of_edit, of_film, sides
from workers.engines.diffusers.unwanted import WAN
from workers.engines.diffusers.wishes import wish

KREA = DRAWN["flux-krea-lora"].model
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def of(folder, **changes):
    return dataclasses.replace(KREA, repo=str(folder), **changes)


def test_a_pickle_is_not_read_even_where_there_is_nothing_else(shelf, tmp_path):
    import torch
    from safetensors.torch import load_file

    folder = tmp_path / "pickled"
    shutil.copytree(shelf.saved(KREA.repo), folder)
    (sound,) = (folder / "vae").glob("*.safetensors")
    torch.save(load_file(sound), sound.with_suffix(".bin"))
    sound.unlink()

    with pytest.raises(WeightsMissing, match="safetensors"):
        load(of(folder))


def test_a_folder_that_is_not_there_is_told_in_words(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)

    with pytest.raises(
        WeightsMissing, match=r"acme/none at 8162[0-9a-f]+ is not in the hub's cache"
    ):
        load(dataclasses.replace(KREA, repo="acme/none"))


@pytest.mark.parametrize("revision", ["", COMMIT])
def test_a_container_finds_a_published_cache_of_the_hub(shelf, tmp_path, monkeypatch, revision):
    """As ``infra.weights`` publishes it; nothing is asked over the network."""
    cache = tmp_path / "models--acme--krea"
    (cache / "refs").mkdir(parents=True)
    (cache / "refs" / "main").write_text(COMMIT)
    shutil.copytree(shelf.saved(KREA.repo), cache / "snapshots" / COMMIT)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))

    pipes = load(dataclasses.replace(KREA, repo="acme/krea", revision=revision))

    assert type(pipes.base).__name__ == "FluxPipeline"


@pytest.mark.parametrize(
    ("name", "shift"), [("wan22-ti2v", 5.0), ("sglang-diffusion-wan22-t2v-a14b-fp8", 12.0)]
)
def test_a_schedule_is_the_makers_whatever_the_repository_says(shelf, name, shift):
    pipes = shelf.worker(name).pipes

    assert pipes.base.scheduler.config.flow_shift == shift
    for one in shelf.worker(name).serves:
        assert pipes.of(one.way).scheduler is pipes.base.scheduler


@pytest.mark.parametrize(
    ("name", "said", "heard"),
    [("wan22-ti2v", {}, WAN), ("hidream-i1-full", {}, " "),
     ("hidream-i1-full", {"negative_prompt": "rain"}, "rain"), ("flux-krea-lora", {}, None)],
)  # fmt: skip
def test_what_is_not_to_be_seen_is_the_makers_where_callers_say_nothing(name, said, heard):
    serves, model = DRAWN[name].serves[0], DRAWN[name].model
    asked = serves.endpoint.input.model_validate({"prompt": "a street", **said})

    assert wish(asked, model, serves.way, None, None).negative == heard


@pytest.mark.parametrize(
    ("said", "heard"),
    [({}, "expandable_segments:True"), ({"PYTORCH_CUDA_ALLOC_CONF": "backend:native"}, None)],
)
def test_a_gpus_memory_is_taken_in_pieces_that_grow_unless_its_owner_says_otherwise(
    shelf, monkeypatch, said, heard
):
    for name in ("PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF"):
        monkeypatch.setenv(name, "")  # so that it is put back
        monkeypatch.delenv(name)
    for name, value in said.items():
        monkeypatch.setenv(name, value)

    load(of(shelf.saved(KREA.repo)))

    assert os.environ.get("PYTORCH_ALLOC_CONF") == heard  # noqa: TID251 - the library's, not ours


def test_jobs_share_a_replica_only_where_they_can_share_a_call():
    with pytest.raises(ValueError, match="share a call"):
        Diffused(repo="a/b", licence="MIT", pipeline="FluxPipeline", gpu_memory_gib=1, jobs=2)


def test_a_variant_attends_as_its_masks_want(tmp_path):
    """Kandinsky's ten seconds: the transformer alone, which needs no torchvision."""
    from diffusers.models.attention_dispatch import _AttentionBackendRegistry

    from tests.workers.twins import build, kandinsky_drawer

    build(kandinsky_drawer).save_pretrained(tmp_path)
    declared = DRAWN["kandinsky5"].model.variants["10s"]
    part = dataclasses.replace(declared, repo=str(tmp_path), subfolder="")

    read = read_part(part, None, lambda _share: None)

    found = {module.processor._attention_backend for module in read.modules()
             if hasattr(module, "processor")}  # fmt: skip
    assert {one.value for one in found} == {"flex"}
    assert _AttentionBackendRegistry.get_active_backend()[0].value == "native"  # of all others


def ways_of(name):
    return [way for one in DRAWN[name].serves for way in one.all_ways]


def test_named_sides_are_fals():
    (way,) = ways_of("flux-krea-lora")

    assert sides("landscape_4_3", way, field="image_size") == (1024, 768)
    assert sides("1024x768", way, field="size") == (1024, 768)
    assert sides(None, way, field="image_size") == way.size
    assert sides("auto", way, field="size") == way.size


def test_films_have_the_sides_that_a_model_can_make():
    shoot = ways_of("wan22-ti2v")[0]

    assert of_film(None, None, shoot) == (1280, 704)
    assert of_film("480p", "9:16", shoot) == (480, 832)
    assert of_film(None, "1:1", shoot) == (960, 960)
    assert of_film("768x512", None, shoot) == (768, 512)
    assert frames(None, shoot) == 121
    assert frames(120, shoot) == 117


def test_a_changed_picture_keeps_its_shape():
    edit = ways_of("flux-kontext-lora")[0]

    assert of_edit("match_input", (800, 600), edit) == (800, 592)
    assert of_edit("16:9", (800, 600), edit) == (1360, 768)
    wide, high = of_edit("auto", (800, 600), edit)
    assert wide * high == pytest.approx(1024 * 1024, rel=0.05)
    wide, high = of_edit(None, (8000, 6000), edit)
    assert wide * high <= 2_000_000
    assert of_edit(None, (10_000, 1), edit) == (10_000, 16)


@pytest.mark.parametrize("mode", [None, "auto"])
def test_a_picture_too_narrow_to_be_made_is_refused_before_it_takes_all_memory(mode):
    edit = ways_of("flux-kontext-lora")[0]

    with pytest.raises(InvalidInput, match="image_url is 40000000 x 1, too narrow"):
        of_edit(mode, (40_000_000, 1), edit)
